internal import Tensors

/// Causal attention with grouped queries and its gradient, in f32, sequence by sequence.
///
/// For a head with queries Q, keys K, values V and scale s: `P = softmax(s Q Kᵀ)` over the positions that a row sees, `O = P V`. Back, with
/// dO: `dV = Pᵀ dO`, `dS = P * (dO Vᵀ - δ)` with `δ = ⟨dO, O⟩` by row, `dQ = s dS K`, `dK = s dSᵀ Q`; keys and values sum over the queries'
/// heads of their group. P is computed again from the logarithms that the way forward kept.
final class TrainingAttention {
    private let configuration: DecoderConfiguration
    private let pool: WorkerPool
    /// One of each thread.
    private let scratch: [GrowingFloats]

    /// Queries whose scores are in memory at once.
    private static let blockRows = 64

    init(_ configuration: DecoderConfiguration, pool: WorkerPool) {
        self.configuration = configuration
        self.pool = pool
        scratch = (0..<pool.threads).map { _ in GrowingFloats() }
    }

    /// Makes room for a step: transposed keys and values, and blocks of scores and their gradients. Errors: the system has no memory.
    func reserve(_ plan: TrainingPlan) throws(ResourceError) {
        let longest = plan.segments.reduce(0) { max($0, $1.rows.count) }
        for own in scratch { try own.grow(to: 2 * longest * (configuration.headDimension + Self.blockRows)) }
    }

    /// One sequence's head of keys and values.
    private struct Unit {
        let rows: Range<Int>
        let head: Int
        let dimension: Int
        /// Heads of queries that read it.
        let queryHeads: Range<Int>
        let queryWidth: Int
        let keyWidth: Int
        let window: Int?

        /// The positions that rows of a block of queries see, together.
        func keys(_ block: Range<Int>) -> Range<Int> {
            max(0, window.map { block.lowerBound - $0 + 1 } ?? 0)..<block.upperBound
        }

        /// Those of one row.
        func keys(row: Int) -> Range<Int> { max(0, window.map { row - $0 + 1 } ?? 0)..<row + 1 }

        var blocks: [Range<Int>] {
            stride(from: 0, to: rows.count, by: TrainingAttention.blockRows).map {
                $0..<min($0 + TrainingAttention.blockRows, rows.count)
            }
        }
    }

    private func eachUnit(_ plan: TrainingPlan, _ window: Int?, _ body: (Unit, UnsafeMutablePointer<Float>) -> Void) {
        let (group, dimension) = (configuration.heads / configuration.keyValueHeads, configuration.headDimension)
        let units = plan.segments.flatMap { segment in
            (0..<configuration.keyValueHeads).map { head in
                Unit(
                    rows: segment.rows, head: head, dimension: dimension, queryHeads: head * group..<(head + 1) * group,
                    queryWidth: configuration.queryWidth, keyWidth: configuration.keyValueWidth, window: window)
            }
        }
        withoutActuallyEscaping(body) { body in
            pool.run { thread in
                for index in stride(from: thread, to: units.count, by: pool.threads) { body(units[index], scratch[thread].pointer) }
            }
        }
    }

    /// Fills `attended` and `logSumExp`.
    func forward(_ plan: TrainingPlan, _ own: LayerActivations, slidingWindow: Int?) {
        let (heads, scale) = (configuration.heads, configuration.attentionScale)
        eachUnit(plan, slidingWindow) { unit, scratch in
            let count = unit.rows.count
            let (keys, scores) = (scratch, scratch + count * unit.dimension)
            transpose(own.key.pointer, unit, into: keys)
            let values = own.value.pointer + unit.rows.lowerBound * unit.keyWidth + unit.head * unit.dimension
            for head in unit.queryHeads {
                for block in unit.blocks {
                    pool.giveWay()
                    let (seen, first) = (unit.keys(block), unit.rows.lowerBound + block.lowerBound)
                    let start = first * unit.queryWidth + head * unit.dimension
                    score(own, unit, block, seen, start, keys, scores)
                    for (index, row) in block.enumerated() {
                        let (line, visible) = (scores + index * seen.count, unit.keys(row: row))
                        own.logSumExp.pointer[(first + index) * heads + head] = Kernels.softmaxLogSumExp(
                            line + visible.lowerBound - seen.lowerBound, scale: scale, count: visible.count)
                        clear(line, seen, outside: visible)
                    }
                    Kernels.matmul(
                        .init(scores, rowStride: seen.count), .init(values + seen.lowerBound * unit.keyWidth, rowStride: unit.keyWidth),
                        into: own.attended.pointer + start, cStride: unit.queryWidth, rows: block.count, columns: unit.dimension,
                        depth: seen.count, adds: false)
                }
            }
        }
    }

    /// Fills the gradients of query, key and value from that of `attended`.
    func backward(_ plan: TrainingPlan, _ own: LayerActivations, _ back: LayerGradients, slidingWindow: Int?) {
        let (heads, scale) = (configuration.heads, configuration.attentionScale)
        eachUnit(plan, slidingWindow) { unit, scratch in
            let (count, dimension) = (unit.rows.count, unit.dimension)
            let (keys, values) = (scratch, scratch + count * dimension)
            let (scores, slopes) = (scratch + 2 * count * dimension, scratch + 2 * count * dimension + count * Self.blockRows)
            transpose(own.key.pointer, unit, into: keys)
            transpose(own.value.pointer, unit, into: values)
            let keyStart = unit.rows.lowerBound * unit.keyWidth + unit.head * dimension
            let (keyGradient, valueGradient) = (back.key.pointer + keyStart, back.value.pointer + keyStart)
            for row in 0..<count {
                (keyGradient + row * unit.keyWidth).update(repeating: 0, count: dimension)
                (valueGradient + row * unit.keyWidth).update(repeating: 0, count: dimension)
            }
            for head in unit.queryHeads {
                for block in unit.blocks {
                    pool.giveWay()
                    let (seen, first) = (unit.keys(block), unit.rows.lowerBound + block.lowerBound)
                    let start = first * unit.queryWidth + head * dimension
                    let (query, output) = (own.query.pointer + start, own.attended.pointer + start)
                    let outputGradient = back.attended.pointer + start
                    score(own, unit, block, seen, start, keys, scores)
                    Kernels.matmul(
                        .init(outputGradient, rowStride: unit.queryWidth), .init(values + seen.lowerBound, rowStride: count), into: slopes,
                        cStride: seen.count, rows: block.count, columns: seen.count, depth: dimension, adds: false)
                    for (index, row) in block.enumerated() {
                        let (visible, line) = (unit.keys(row: row), index * seen.count)
                        let place = line + visible.lowerBound - seen.lowerBound
                        Kernels.expMinus(
                            scores + place, scale: scale, logSumExp: own.logSumExp.pointer[(first + index) * heads + head],
                            count: visible.count)
                        clear(scores + line, seen, outside: visible)
                        let delta = Kernels.dot(
                            outputGradient + index * unit.queryWidth, output + index * unit.queryWidth, count: dimension)
                        Kernels.softmaxGradient(
                            scores + line, dp: slopes + line, delta: delta, scale: scale, count: seen.count, into: slopes + line)
                    }
                    let seenStart = seen.lowerBound * unit.keyWidth
                    Kernels.matmul(
                        .init(slopes, rowStride: seen.count), .init(own.key.pointer + keyStart + seenStart, rowStride: unit.keyWidth),
                        into: back.query.pointer + start, cStride: unit.queryWidth, rows: block.count, columns: dimension,
                        depth: seen.count, adds: false)
                    Kernels.matmul(
                        .init(slopes, rowStride: 1, columnStride: seen.count), .init(query, rowStride: unit.queryWidth),
                        into: keyGradient + seenStart, cStride: unit.keyWidth, rows: seen.count, columns: dimension, depth: block.count,
                        adds: true)
                    Kernels.matmul(
                        .init(scores, rowStride: 1, columnStride: seen.count), .init(outputGradient, rowStride: unit.queryWidth),
                        into: valueGradient + seenStart, cStride: unit.keyWidth, rows: seen.count, columns: dimension, depth: block.count,
                        adds: true)
                }
            }
        }
    }

    /// `[block, seen]`: products of queries and keys, unscaled.
    private func score(
        _ own: LayerActivations, _ unit: Unit, _ block: Range<Int>, _ seen: Range<Int>, _ start: Int,
        _ keys: UnsafeMutablePointer<Float>, _ scores: UnsafeMutablePointer<Float>
    ) {
        Kernels.matmul(
            .init(own.query.pointer + start, rowStride: unit.queryWidth), .init(keys + seen.lowerBound, rowStride: unit.rows.count),
            into: scores, cStride: seen.count, rows: block.count, columns: seen.count, depth: unit.dimension, adds: false)
    }

    /// Zeroes what a row does not see of its block's positions.
    private func clear(_ line: UnsafeMutablePointer<Float>, _ seen: Range<Int>, outside visible: Range<Int>) {
        line.update(repeating: 0, count: visible.lowerBound - seen.lowerBound)
        (line + visible.upperBound - seen.lowerBound).update(repeating: 0, count: seen.upperBound - visible.upperBound)
    }

    /// `[rows, keyWidth]` to `[dimension, rows]` of one head.
    private func transpose(_ x: UnsafeMutablePointer<Float>, _ unit: Unit, into y: UnsafeMutablePointer<Float>) {
        let count = unit.rows.count
        for row in 0..<count {
            let from = x + (unit.rows.lowerBound + row) * unit.keyWidth + unit.head * unit.dimension
            for index in 0..<unit.dimension { y[index * count + row] = from[index] }
        }
    }
}
