public import Tensors

/// Steps of the layers above one, the site, forward and back to what is added to the residual stream there: what is tuned at the site
/// needs no more. The base's rows at the site are given; a `FeedForwardTrace` of a step has them.
///
/// The keys and values of prompts, which nothing changes, are computed once (`extend`); a step has the rows after them.
///
/// Isolation: one thread uses it at a time. Rows of different runs never influence one another.
public final class UpperLayers {
    /// Rows that continue a sequence.
    public struct Run {
        /// What comes before them.
        public var prefix: LayerPrefix
        public var rows: Int
        /// What some of the rows predict: a token each.
        public var targets: [Int32]
        /// The rows that predict the targets, ascending.
        public var targetRows: [Int]

        /// - Parameter targetRows: nil: the first rows.
        public init(after prefix: LayerPrefix, rows: Int, targets: [Int32] = [], targetRows: [Int]? = nil) {
            (self.prefix, self.rows, self.targets) = (prefix, rows, targets)
            self.targetRows = targetRows ?? Array(targets.indices)
            precondition(
                targets.count == self.targetRows.count && self.targetRows.allSatisfy { 0..<rows ~= $0 },
                "\(targets.count) targets of \(self.targetRows.count) rows among \(rows)")
        }
    }

    public let site: Int
    private let workspace: TrainingWorkspace
    /// The last forward pass's output of the site.
    private var output: UnsafePointer<Float>?

    /// Room for steps of up to `maximumRows` rows. Errors: `noMemory`.
    ///
    /// - Parameter interruption: when it is set, a pass stops before its next layer.
    public init(
        _ weights: DecoderWeights, above site: Int, pool: WorkerPool, maximumRows: Int, interruption: Interruption? = nil
    ) throws(ModelError) {
        precondition(0..<weights.configuration.layers ~= site, "layer \(site) of a decoder with \(weights.configuration.layers) layers")
        self.site = site
        workspace = try TrainingWorkspace(
            weights, pool: pool, maximumRows: maximumRows, firstLayer: site + 1, scalesOutputs: false, recomputes: false,
            interruption: interruption)
    }

    public var maximumRows: Int { workspace.maximumRows }
    /// The last pass stopped between two layers: its results mean nothing.
    public var wasInterrupted: Bool { workspace.wasInterrupted }

    private var configuration: DecoderConfiguration { workspace.configuration }

    /// Adds the keys and values of the runs' rows to their prefixes, each of which is named once. After an interruption the prefixes are as
    /// they were. Errors: `noMemory`.
    ///
    /// - Parameters:
    ///   - residual: the residual stream before the site's feed-forward is added, `[rows, hidden]`, run after run.
    ///   - output: the site's feed-forward, before its norm in families that have one, likewise.
    public func extend(_ runs: [Run], residual: UnsafePointer<Float>, output: UnsafePointer<Float>) throws(ModelError) {
        precondition(
            runs.allSatisfy { $0.targets.isEmpty && $0.prefix.positions + $0.rows <= $0.prefix.capacity },
            "a prefix has no room for its rows")
        guard try enter(runs, residual, output) else { return }
        let (own, width) = (workspace.activations, configuration.keyValueWidth)
        workspace.runLayers(from: site + 1, differentiates: false) { layer in
            for (run, segment) in zip(runs, workspace.plan.segments) {
                let start = segment.rows.lowerBound * width
                run.prefix.write(layer, keys: own.key.pointer + start, values: own.value.pointer + start, rows: run.rows)
            }
        }
        if wasInterrupted { return }
        for run in runs { run.prefix.advance(by: run.rows) }
    }

    /// The natural logarithms of the probabilities of the runs' targets, one after the other. Errors: `noMemory`.
    ///
    /// - Parameters:
    ///   - residual, output: as of `extend`, with what is added at the site in `output`, which is borrowed until `backward`.
    ///   - differentiates: `backward` will be called.
    func forward(
        _ runs: [Run], residual: UnsafePointer<Float>, output: UnsafePointer<Float>, differentiates: Bool
    ) throws(ModelError) -> [Float] {
        let count = runs.reduce(0) { $0 + $1.targets.count }
        guard try enter(runs, residual, output) else { return [] }
        self.output = output
        workspace.runLayers(from: site + 1, differentiates: differentiates)
        return wasInterrupted ? [Float](repeating: 0, count: count) : workspace.runHead(differentiates: differentiates)
    }

    /// The same with gradients, where probabilities are taken among some tokens alone. The logarithms are upper bounds of the others.
    ///
    /// - Parameter candidates: for consecutive runs, the tokens of their vocabulary, ascending, with their targets among them.
    public func forward(
        _ runs: [Run], residual: UnsafePointer<Float>, output: UnsafePointer<Float>, candidates: [(runs: Int, tokens: [Int32])]
    ) throws(ModelError) -> [Float] {
        precondition(candidates.reduce(0) { $0 + $1.runs } == runs.count, "some runs have no candidates")
        guard try enter(runs, residual, output) else { return [] }
        self.output = output
        workspace.runLayers(from: site + 1, differentiates: true)
        let ranges = workspace.plan.targetRanges
        if wasInterrupted { return [Float](repeating: 0, count: workspace.plan.targets.count) }
        var (groups, first) = ([CandidateTargets](), 0)
        for (count, tokens) in candidates where count > 0 {
            let targets = ranges[first].lowerBound..<ranges[first + count - 1].upperBound
            if !targets.isEmpty { groups.append(CandidateTargets(targets: targets, tokens: tokens)) }
            first += count
        }
        return workspace.runHead(among: groups)
    }

    /// Writes the gradient of the last `forward`'s `output`, `[rows, hidden]`. Once after each `forward` with gradients.
    ///
    /// - Parameter slopes: the derivative of the loss by each of the log-probabilities.
    public func backward(_ slopes: [Float], into gradient: UnsafeMutablePointer<Float>) {
        guard !wasInterrupted, let output, workspace.plan.rows > 0 else { return }
        let (rows, hidden) = (workspace.plan.rows, configuration.hidden)
        precondition(slopes.count == workspace.plan.targets.count, "the slopes are not those of the last step")
        workspace.differentiateLayers(slopes, to: site + 1, wantsInput: true)
        let slope = workspace.gradients.residual.pointer
        guard configuration.outputNorms else { return gradient.update(from: slope, count: rows * hidden) }
        let (norm, epsilon) = (workspace.vectors.feedForwardOutputNorms[site].pointer, configuration.normEpsilon)
        gradient.update(repeating: 0, count: rows * hidden)
        for row in 0..<rows {
            let start = row * hidden
            Kernels.rmsNormGradient(
                output + start, weight: norm, dy: slope + start, epsilon: epsilon, count: hidden, addingTo: gradient + start)
        }
    }

    /// Lays out the rows and makes the input of the first layer. False: there are no rows.
    private func enter(_ runs: [Run], _ residual: UnsafePointer<Float>, _ output: UnsafePointer<Float>) throws(ModelError) -> Bool {
        precondition(runs.allSatisfy { $0.prefix.firstLayer == site + 1 }, "a prefix is of other layers")
        try workspace.begin(TrainingPlan(runs))
        let (rows, hidden, target) = (workspace.plan.rows, configuration.hidden, workspace.residuals[site + 1].pointer)
        guard rows > 0 else { return false }
        guard configuration.outputNorms else {
            target.update(from: residual, count: rows * hidden)
            Kernels.add(output, to: target, count: rows * hidden)
            return true
        }
        let norm = workspace.vectors.feedForwardOutputNorms[site].pointer
        for row in 0..<rows {
            let (from, to) = (output + row * hidden, target + row * hidden)
            Kernels.rmsNorm(from, weight: norm, epsilon: configuration.normEpsilon, count: hidden, into: to)
            Kernels.add(residual + row * hidden, to: to, count: hidden)
        }
        return true
    }
}
