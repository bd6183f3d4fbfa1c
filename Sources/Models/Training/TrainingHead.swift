internal import Glibc
internal import Tensors

/// The vocabulary projection and the log-probabilities of targets, without the logits of all rows in memory.
///
/// The vocabulary is cut into tiles. One pass over them sums each row's exponentials `e_v = exp(l_v - most)`, where `most` is the greatest
/// logit so far, and, where gradients are wanted, the rows `sum of e_v W_v` without the target's; both are scaled when `most` grows. From
/// them follows `-J = -d log p / d h = sum of p_v W_v - W_target`, which the loss's slope by each log-probability scales later, when whole
/// sequences are known. Heads that adapters change need the probabilities themselves: a second pass makes their tiles again.
final class TrainingHead {
    let configuration: DecoderConfiguration
    private let product: BaseProduct
    let matrix: WeightRows
    let pool: WorkerPool
    /// `[targets, hidden]`: norms of the rows that predict a target.
    let normed: FloatBuffer
    /// `[targets, hidden]`: `-J`.
    let slopes: FloatBuffer
    /// Of each thread.
    let candidateScratch: [CandidateScratch]
    private let tile = GrowingFloats()
    private let seam: HeadGradient
    /// Of each thread: a row of the matrix.
    private let rows: [FloatBuffer]
    /// Of the last forward pass.
    private var normalisers: [Normaliser] = []

    /// A softmax's denominator, `sum * exp(most)`.
    private struct Normaliser {
        var most = -Float.infinity
        var sum = 0.0

        var logarithm: Double { Double(most) + log(sum) }
    }

    /// Tokens of a tile. The same in every step: the order of a row's sums follows from it.
    static let tileWidth = 2048

    init(_ weights: DecoderWeights, product: BaseProduct, pool: WorkerPool, maximumRows: Int) throws(ResourceError) {
        configuration = weights.configuration
        self.product = product
        self.pool = pool
        matrix = WeightRows(headOf: weights)
        seam = HeadGradient(configuration, pool: pool)
        normed = try FloatBuffer(maximumRows * configuration.hidden, for: "activations of a training step")
        slopes = try FloatBuffer(maximumRows * configuration.hidden, for: "gradients of a training step")
        candidateScratch = (0..<pool.threads).map { _ in CandidateScratch() }
        rows = (0..<pool.threads).map { _ in FloatBuffer(count: weights.configuration.hidden) }
    }

    /// Makes room for a step. Errors: the system has no memory.
    func reserve(_ plan: TrainingPlan) throws(ResourceError) {
        try tile.grow(to: plan.targets.count * min(Self.tileWidth, configuration.vocabulary))
        try seam.reserve(plan)
    }

    /// Fills `normed`.
    func normalise(_ plan: TrainingPlan, _ residual: FloatBuffer, _ finalNorm: FloatBuffer) {
        let (hidden, epsilon, normed) = (configuration.hidden, configuration.normEpsilon, normed.pointer)
        pool.run { thread in
            for index in WorkerPool.slice(plan.targets.count, of: thread, threads: pool.threads) {
                Kernels.rmsNorm(
                    residual.pointer + Int(plan.targetRows[index]) * hidden, weight: finalNorm.pointer, epsilon: epsilon, count: hidden,
                    into: normed + index * hidden)
            }
        }
    }

    /// The natural logarithm of each target's probability.
    func forward(_ plan: TrainingPlan, _ residual: FloatBuffer, _ finalNorm: FloatBuffer, differentiates: Bool) -> [Float] {
        let count = plan.targets.count
        guard count > 0 else { return [] }
        normalise(plan, residual, finalNorm)
        let (hidden, normed) = (configuration.hidden, normed.pointer)
        product.prepareHead(x: normed, rows: count)
        seam.prepare(plan, normed)
        let (plain, changed) = differentiates ? trainedTargets(plan) : ([], [])
        var logits = [Float](repeating: 0, count: count)
        var normalisers = [Normaliser](repeating: Normaliser(), count: count)
        eachTile(count) { range, tile in
            product.head(range, x: normed, rows: 0..<count, into: tile)
            seam.change(range, tile, 0..<count, normed)
            logits.withUnsafeMutableBufferPointer { logits in
                normalisers.withUnsafeMutableBufferPointer { normalisers in
                    pool.run { thread in
                        for index in WorkerPool.slice(count, of: thread, threads: pool.threads) {
                            let (line, target) = (tile + index * range.count, Int(plan.targets[index]) - range.lowerBound)
                            let isHere = target >= 0 && target < range.count
                            if isHere { logits[index] = line[target] }
                            let hasSlopes = differentiates && range.lowerBound > 0
                            exponentiate(line, range.count, &normalisers[index], slopes: hasSlopes ? index : nil)
                            if isHere { line[target] = 0 }
                        }
                    }
                }
            }
            for targets in plain {
                product.backward(
                    matrix, range, g: tile + targets.lowerBound * range.count, gStride: range.count, rows: targets.count,
                    into: slopes.pointer + targets.lowerBound * hidden, adds: range.lowerBound > 0)
            }
        }
        let logarithms = zip(logits, normalisers).map { Double($0) - $1.logarithm }
        self.normalisers = normalisers
        for targets in plain { normalise(plan, targets, logarithms) }
        for targets in changed { differentiate(plan, targets) }
        return logarithms.map { Float($0) }
    }

    /// `line = exp(line - most)`, with what the normaliser and the slopes have so far brought to the new greatest logit.
    private func exponentiate(_ line: UnsafeMutablePointer<Float>, _ count: Int, _ normaliser: inout Normaliser, slopes index: Int?) {
        let most = line[Kernels.maximumIndex(line, count: count)]
        if most > normaliser.most {
            let factor = exp(normaliser.most - most)
            normaliser.most = most
            normaliser.sum *= Double(factor)
            if let index { Kernels.multiply(slopes.pointer + index * configuration.hidden, by: factor, count: configuration.hidden) }
        }
        normaliser.sum += Double(Kernels.expShifted(line, most: normaliser.most, count: count))
    }

    /// From `sum of e_v W_v` without the target's to `sum of p_v W_v - W_target`.
    private func normalise(_ plan: TrainingPlan, _ targets: Range<Int>, _ logarithms: [Double]) {
        let hidden = configuration.hidden
        pool.run { thread in
            let row = rows[thread].pointer
            for place in WorkerPool.slice(targets.count, of: thread, threads: pool.threads) {
                let index = targets.lowerBound + place
                let slope = slopes.pointer + index * hidden
                Kernels.multiply(slope, by: Float(1 / normalisers[index].sum), count: hidden)
                matrix.read(Int(plan.targets[index]), into: row)
                Kernels.multiply(row, by: Float(expm1(logarithms[index])), count: hidden)
                Kernels.add(row, to: slope, count: hidden)
            }
        }
    }

    /// Makes `D = p - [target]` of a part of the vocabulary, `[targets, range]`.
    private func errors(_ plan: TrainingPlan, _ range: Range<Int>, _ targets: Range<Int>, into tile: UnsafeMutablePointer<Float>) {
        product.head(range, x: normed.pointer, rows: targets, into: tile)
        seam.change(range, tile, targets, normed.pointer)
        pool.run { thread in
            for place in WorkerPool.slice(targets.count, of: thread, threads: pool.threads) {
                let (index, line) = (targets.lowerBound + place, tile + place * range.count)
                Kernels.expMinus(line, scale: 1, logSumExp: Float(normalisers[index].logarithm), count: range.count)
                let target = Int(plan.targets[index])
                if range.contains(target) { line[target - range.lowerBound] -= 1 }
            }
        }
    }

    /// The second pass, of targets whose head an adapter changes.
    private func differentiate(_ plan: TrainingPlan, _ targets: Range<Int>) {
        let hidden = configuration.hidden
        eachTile(targets.count) { range, tile in
            errors(plan, range, targets, into: tile)
            seam.differentiate(range, tile, targets)
            product.backward(
                matrix, range, g: tile, gStride: range.count, rows: targets.count, into: slopes.pointer + targets.lowerBound * hidden,
                adds: range.lowerBound > 0)
        }
        seam.addSlopes(targets, into: slopes.pointer)
    }

    /// The gradient of the residual stream after the last layer, `[rows, hidden]`; zero where nothing is trained.
    ///
    /// - Parameter slopes: of the loss by each target's log-probability.
    func backward(_ plan: TrainingPlan, _ residual: FloatBuffer, _ finalNorm: FloatBuffer, slopes weights: [Float], into target: FloatBuffer) {
        let (hidden, epsilon, slopes) = (configuration.hidden, configuration.normEpsilon, slopes.pointer)
        target.pointer.update(repeating: 0, count: plan.rows * hidden)
        if seam.acts { differentiateSeam(plan, weights) }
        let (plain, changed) = trainedTargets(plan)
        for range in plain + changed {
            pool.run { thread in
                let own = WorkerPool.slice(range.count, of: thread, threads: pool.threads)
                for index in range.lowerBound + own.lowerBound..<range.lowerBound + own.upperBound {
                    let (row, dy) = (Int(plan.targetRows[index]), slopes + index * hidden)
                    Kernels.multiply(dy, by: -weights[index], count: hidden)
                    Kernels.rmsNormGradient(
                        residual.pointer + row * hidden, weight: finalNorm.pointer, dy: dy, epsilon: epsilon, count: hidden,
                        addingTo: target.pointer + row * hidden)
                }
            }
        }
    }

    /// Adds to the gradients of adapters' heads.
    private func differentiateSeam(_ plan: TrainingPlan, _ weights: [Float]) {
        let ranges = seam.lowRankTargets
        if !ranges.isEmpty { product.prepareHead(x: normed.pointer, rows: plan.targets.count) }
        for targets in ranges {
            eachTile(targets.count) { range, tile in
                errors(plan, range, targets, into: tile)
                seam.differentiateB(range, tile, targets, weights)
            }
        }
        seam.backward(weights, normed.pointer)
    }

    private func eachTile(_ rows: Int, _ body: (Range<Int>, UnsafeMutablePointer<Float>) -> Void) {
        let vocabulary = configuration.vocabulary
        let width = min(Self.tileWidth, vocabulary)
        for first in stride(from: 0, to: vocabulary, by: width) { body(first..<min(first + width, vocabulary), tile.pointer) }
    }

    /// Targets of rows whose gradients are wanted, in ranges that are as long as possible: of the base's head, and of heads that an adapter changes.
    private func trainedTargets(_ plan: TrainingPlan) -> (plain: [Range<Int>], changed: [Range<Int>]) {
        var (plain, changed) = ([Range<Int>](), [Range<Int>]())
        for (segment, range) in zip(plan.segments, plan.targetRanges) where !range.isEmpty {
            guard segment.isTrained else { continue }
            if segment.adapter?.vocabulary?.trainsHead == true { Self.append(range, to: &changed) } else { Self.append(range, to: &plain) }
        }
        return (plain, changed)
    }

    private static func append(_ range: Range<Int>, to ranges: inout [Range<Int>]) {
        if let last = ranges.last, last.upperBound == range.lowerBound {
            ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
        } else {
            ranges.append(range)
        }
    }
}
