internal import Tensors

/// Causal attention with grouped queries and its gradient, in f32, sequence by sequence. Rows may follow a prefix, whose keys and values
/// are given and get no gradients.
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
        let longest = plan.segments.reduce(0) { max($0, $1.rows.count + ($1.prefix?.positions ?? 0)) }
        let matrices = plan.segments.contains { $0.prefix != nil } ? 3 : 2
        for own in scratch { try own.grow(to: longest * (matrices * configuration.headDimension + 2 * Self.blockRows)) }
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
        /// Positions before the rows, and their keys and values of this head, `keyWidth` elements from one to the next.
        let before: Int
        let keysBefore: UnsafePointer<Float>?
        let valuesBefore: UnsafePointer<Float>?

        /// All positions.
        var count: Int { before + rows.count }

        /// The positions that rows of a block of queries see, together.
        func keys(_ block: Range<Int>) -> Range<Int> {
            max(0, window.map { before + block.lowerBound - $0 + 1 } ?? 0)..<before + block.upperBound
        }

        /// Those of one row.
        func keys(row: Int) -> Range<Int> { keys(row..<row + 1) }

        var blocks: [Range<Int>] {
            stride(from: 0, to: rows.count, by: TrainingAttention.blockRows).map {
                $0..<min($0 + TrainingAttention.blockRows, rows.count)
            }
        }
    }

    private func eachUnit(_ plan: TrainingPlan, _ layer: Int, _ body: (Unit, UnsafeMutablePointer<Float>) -> Void) {
        let (group, dimension) = (configuration.heads / configuration.keyValueHeads, configuration.headDimension)
        let window = configuration.slidingWindow(layer: layer)
        let units = plan.segments.flatMap { segment in
            (0..<configuration.keyValueHeads).map { head in
                Unit(
                    rows: segment.rows, head: head, dimension: dimension, queryHeads: head * group..<(head + 1) * group,
                    queryWidth: configuration.queryWidth, keyWidth: configuration.keyValueWidth, window: window,
                    before: segment.prefix?.positions ?? 0, keysBefore: segment.prefix.map { $0.keys(layer) + head * dimension },
                    valuesBefore: segment.prefix.map { $0.values(layer) + head * dimension })
            }
        }
        withoutActuallyEscaping(body) { body in
            pool.run { thread in
                for index in stride(from: thread, to: units.count, by: pool.threads) { body(units[index], scratch[thread].pointer) }
            }
        }
    }

    /// Fills `attended` and `logSumExp`.
    func forward(_ plan: TrainingPlan, _ layer: Int, _ own: LayerActivations) {
        let (heads, scale) = (configuration.heads, configuration.attentionScale)
        eachUnit(plan, layer) { unit, scratch in
            let keys = scratch
            transpose(own.key.pointer, unit.keysBefore, unit, into: keys)
            let (values, valueStride, scores) = rows(of: own.value.pointer, unit.valuesBefore, unit, scratch + unit.count * unit.dimension)
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
                        .init(scores, rowStride: seen.count), .init(values + seen.lowerBound * valueStride, rowStride: valueStride),
                        into: own.attended.pointer + start, cStride: unit.queryWidth, rows: block.count, columns: unit.dimension,
                        depth: seen.count, adds: false)
                }
            }
        }
    }

    /// Fills the gradients of query, key and value from that of `attended`.
    func backward(_ plan: TrainingPlan, _ layer: Int, _ own: LayerActivations, _ back: LayerGradients) {
        let (heads, scale) = (configuration.heads, configuration.attentionScale)
        eachUnit(plan, layer) { unit, scratch in
            let (count, dimension) = (unit.count, unit.dimension)
            let (keys, values) = (scratch, scratch + count * dimension)
            transpose(own.key.pointer, unit.keysBefore, unit, into: keys)
            transpose(own.value.pointer, unit.valuesBefore, unit, into: values)
            let (keyRows, rowStride, scores) = rows(of: own.key.pointer, unit.keysBefore, unit, scratch + 2 * count * dimension)
            let slopes = scores + count * Self.blockRows
            let keyStart = unit.rows.lowerBound * unit.keyWidth + unit.head * dimension
            let (keyGradient, valueGradient) = (back.key.pointer + keyStart, back.value.pointer + keyStart)
            for row in 0..<unit.rows.count {
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
                    Kernels.matmul(
                        .init(slopes, rowStride: seen.count), .init(keyRows + seen.lowerBound * rowStride, rowStride: rowStride),
                        into: back.query.pointer + start, cStride: unit.queryWidth, rows: block.count, columns: dimension,
                        depth: seen.count, adds: false)
                    // What is before the rows gets no gradient.
                    let trained = max(seen.lowerBound, unit.before)..<seen.upperBound
                    let (column, target) = (trained.lowerBound - seen.lowerBound, (trained.lowerBound - unit.before) * unit.keyWidth)
                    Kernels.matmul(
                        .init(slopes + column, rowStride: 1, columnStride: seen.count), .init(query, rowStride: unit.queryWidth),
                        into: keyGradient + target, cStride: unit.keyWidth, rows: trained.count, columns: dimension, depth: block.count,
                        adds: true)
                    Kernels.matmul(
                        .init(scores + column, rowStride: 1, columnStride: seen.count), .init(outputGradient, rowStride: unit.queryWidth),
                        into: valueGradient + target, cStride: unit.keyWidth, rows: trained.count, columns: dimension, depth: block.count,
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
            .init(own.query.pointer + start, rowStride: unit.queryWidth), .init(keys + seen.lowerBound, rowStride: unit.count),
            into: scores, cStride: seen.count, rows: block.count, columns: seen.count, depth: unit.dimension, adds: false)
    }

    /// Zeroes what a row does not see of its block's positions.
    private func clear(_ line: UnsafeMutablePointer<Float>, _ seen: Range<Int>, outside visible: Range<Int>) {
        line.update(repeating: 0, count: visible.lowerBound - seen.lowerBound)
        (line + visible.upperBound - seen.lowerBound).update(repeating: 0, count: seen.upperBound - visible.upperBound)
    }

    /// `[rows, keyWidth]`, after those before them, to `[dimension, count]` of one head.
    private func transpose(
        _ x: UnsafeMutablePointer<Float>, _ before: UnsafePointer<Float>?, _ unit: Unit, into y: UnsafeMutablePointer<Float>
    ) {
        let count = unit.count
        for position in 0..<count {
            let from = row(position, of: x, before, unit)
            for index in 0..<unit.dimension { y[index * count + position] = from[index] }
        }
    }

    /// The keys or values of one head by position: where they lie, or with a prefix copied to `copy`, the elements from one to the next,
    /// and the memory after the copy.
    private func rows(
        of x: UnsafeMutablePointer<Float>, _ before: UnsafePointer<Float>?, _ unit: Unit, _ copy: UnsafeMutablePointer<Float>
    ) -> (start: UnsafePointer<Float>, stride: Int, rest: UnsafeMutablePointer<Float>) {
        guard before != nil else { return (row(0, of: x, nil, unit), unit.keyWidth, copy) }
        for position in 0..<unit.count {
            (copy + position * unit.dimension).update(from: row(position, of: x, before, unit), count: unit.dimension)
        }
        return (UnsafePointer(copy), unit.dimension, copy + unit.count * unit.dimension)
    }

    private func row(
        _ position: Int, of x: UnsafeMutablePointer<Float>, _ before: UnsafePointer<Float>?, _ unit: Unit
    ) -> UnsafePointer<Float> {
        if let before, position < unit.before { return before + position * unit.keyWidth }
        return UnsafePointer(x + (unit.rows.lowerBound + position - unit.before) * unit.keyWidth + unit.head * unit.dimension)
    }
}
