internal import Glibc
internal import Tensors

/// The vocabulary projection and the log-probabilities of targets, without the logits of all rows in memory.
///
/// The vocabulary is cut into tiles. A first pass sums each row's exponentials and takes the target's logit. A second pass, where gradients
/// are wanted, makes the tiles again and sums `J = d log p / d h = W_target - sum of p_v W_v` for each row; the loss's slope by each
/// log-probability scales it later, when whole sequences are known.
final class TrainingHead {
    private let configuration: DecoderConfiguration
    private let product: BaseProduct
    private let matrix: WeightRows
    private let pool: WorkerPool
    /// `[targets, hidden]`: norms of the rows that predict a target.
    private let normed: FloatBuffer
    /// `[targets, hidden]`: `-J`.
    private let slopes: FloatBuffer
    private let tile = GrowingFloats()
    private let seam: HeadGradient
    /// Of the last forward pass: the logarithms of the sums of exponentials.
    private var sums: [Double] = []

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
    }

    /// Makes room for a step. Errors: the system has no memory.
    func reserve(_ plan: TrainingPlan) throws(ResourceError) {
        try tile.grow(to: plan.targets.count * min(Self.tileWidth, configuration.vocabulary))
        try seam.reserve(plan)
    }

    /// The natural logarithm of each target's probability.
    func forward(_ plan: TrainingPlan, _ residual: FloatBuffer, _ finalNorm: FloatBuffer, differentiates: Bool) -> [Float] {
        let count = plan.targets.count
        guard count > 0 else { return [] }
        let (hidden, epsilon, normed) = (configuration.hidden, configuration.normEpsilon, normed.pointer)
        pool.run { thread in
            for index in WorkerPool.slice(count, of: thread, threads: pool.threads) {
                Kernels.rmsNorm(
                    residual.pointer + Int(plan.targetRows[index]) * hidden, weight: finalNorm.pointer, epsilon: epsilon, count: hidden,
                    into: normed + index * hidden)
            }
        }
        product.prepareHead(x: normed, rows: count)
        seam.prepare(plan, normed)
        var logits = [Float](repeating: 0, count: count)
        var sums = [Double](repeating: -.infinity, count: count)
        eachTile(count) { range, tile in
            product.head(range, x: normed, rows: 0..<count, into: tile)
            seam.change(range, tile, 0..<count, normed)
            logits.withUnsafeMutableBufferPointer { logits in
                sums.withUnsafeMutableBufferPointer { sums in
                    pool.run { thread in
                        for index in WorkerPool.slice(count, of: thread, threads: pool.threads) {
                            let (line, target) = (tile + index * range.count, Int(plan.targets[index]))
                            if range.contains(target) { logits[index] = line[target - range.lowerBound] }
                            let sum = Double(Kernels.softmaxLogSumExp(line, scale: 1, count: range.count))
                            sums[index] = Self.logSum(sums[index], sum)
                        }
                    }
                }
            }
        }
        let logarithms = zip(logits, sums).map { Float(Double($0) - $1) }
        self.sums = sums
        if differentiates { for range in Self.trainedTargets(plan) { differentiate(plan, range) } }
        return logarithms
    }

    /// Makes `D = p - [target]` of a part of the vocabulary, `[targets, range]`.
    private func errors(_ plan: TrainingPlan, _ range: Range<Int>, _ targets: Range<Int>, into tile: UnsafeMutablePointer<Float>) {
        product.head(range, x: normed.pointer, rows: targets, into: tile)
        seam.change(range, tile, targets, normed.pointer)
        pool.run { thread in
            for place in WorkerPool.slice(targets.count, of: thread, threads: pool.threads) {
                let (index, line) = (targets.lowerBound + place, tile + place * range.count)
                Kernels.expMinus(line, scale: 1, logSumExp: Float(sums[index]), count: range.count)
                let target = Int(plan.targets[index])
                if range.contains(target) { line[target - range.lowerBound] -= 1 }
            }
        }
    }

    /// The second pass, of some targets.
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
        for range in Self.trainedTargets(plan) {
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

    /// Targets of rows with an adapter, in ranges that are as long as possible.
    private static func trainedTargets(_ plan: TrainingPlan) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for (segment, range) in zip(plan.segments, plan.targetRanges) where segment.adapter != nil && !range.isEmpty {
            if let last = ranges.last, last.upperBound == range.lowerBound {
                ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                ranges.append(range)
            }
        }
        return ranges
    }

    /// `log(exp(a) + exp(b))`
    private static func logSum(_ a: Double, _ b: Double) -> Double {
        let (most, least) = (max(a, b), min(a, b))
        return least == -.infinity ? most : most + log1p(exp(least - most))
    }
}
