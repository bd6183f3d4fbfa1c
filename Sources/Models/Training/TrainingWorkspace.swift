public import Tensors

/// Computes training steps of a decoder with frozen weights: tokens in, log-probabilities out, and from their gradients those of the
/// adapters' parameters.
///
/// Forward keeps the input of each layer, and in bf16 what else its way back reads; without the memory for that, backward computes it
/// again, with the same bits. Rows of different runs never influence one another, and an adapter's gradient is summed over its own rows in their order: it has the same bits
/// whatever other adapters' rows are in the step.
///
/// Isolation: its tuner owns it, and one thread uses it at a time. Any number of workspaces and engines share the weights.
public final class TrainingWorkspace {
    public let weights: DecoderWeights
    /// Rows of the largest step.
    public let maximumRows: Int
    let pool: WorkerPool
    let configuration: DecoderConfiguration
    let product: BaseProduct
    let activations: LayerActivations
    let gradients: LayerGradients
    /// Nil: on the reference path, where the way back computes each layer again in f32.
    private let kept: KeptActivations?
    /// At a layer: its input, `[rows, hidden]`; after the last layer its output. Empty below the first layer that is computed.
    let residuals: [FloatBuffer]
    let head: TrainingHead
    let attention: TrainingAttention
    let seam: LinearGradient
    let mixtures: FeedForwardGradient
    let branches: BranchGradient
    let embedding: EmbeddingGradient
    let balances = BalanceRecords()
    /// The last forward pass kept what `backward` reads, which overwrites it.
    private var isDifferentiable = false
    private let interruption: Interruption?
    /// The last `forward`, or the `backward` after it, stopped between two layers: its results mean nothing.
    public private(set) var wasInterrupted = false
    private(set) var plan = TrainingPlan(TrainingBatch(runs: []))
    /// Of the plan's positions, `[positions, headDimension / 2]`: of full layers and of those with a sliding window.
    private(set) var rotation: PositionRotations
    private(set) var slidingRotation: PositionRotations
    /// Of sequences that take LongRoPE's short factors; nil: none do.
    private(set) var shortRotation: PositionRotations?

    var vectors: DecoderVectors { weights.vectors }

    /// Room for steps of up to `maximumRows` rows. Errors: `noMemory`.
    ///
    /// - Parameters:
    ///   - scalesOutputs: adapters of steps may scale outputs (DoRA, IA³), so that products before the scale are kept.
    ///   - recomputes: what the way back reads of a layer is computed again and not kept, which is slower and takes less memory. No bit
    ///     of a result depends on it.
    ///   - interruption: when it is set, a pass stops before its next layer.
    public convenience init(
        _ weights: DecoderWeights, pool: WorkerPool, maximumRows: Int, scalesOutputs: Bool = true, recomputes: Bool = false,
        interruption: Interruption? = nil
    ) throws(ModelError) {
        try self.init(
            weights, pool: pool, maximumRows: maximumRows, firstLayer: 0, scalesOutputs: scalesOutputs, recomputes: recomputes,
            interruption: interruption)
    }

    /// - Parameter firstLayer: those below it are never computed; the number of layers: none is.
    init(
        _ weights: DecoderWeights, pool: WorkerPool, maximumRows: Int, firstLayer: Int, scalesOutputs: Bool, recomputes: Bool,
        interruption: Interruption?
    ) throws(ModelError) {
        precondition(maximumRows > 0, "a training workspace for \(maximumRows) rows was asked for")
        self.weights = weights
        self.pool = pool
        self.maximumRows = maximumRows
        self.interruption = interruption
        configuration = weights.configuration
        let configuration = configuration
        try configuration.checkTraining()
        do throws(ResourceError) {
            product = try BaseProduct(weights, pool: pool, maximumRows: maximumRows)
            activations = try LayerActivations(configuration, rows: maximumRows, keepsUnscaled: scalesOutputs)
            gradients = try LayerGradients(configuration, rows: maximumRows)
            kept = weights.packed == nil
                ? nil
                : try KeptActivations(
                    activations, configuration, rows: maximumRows, firstLayer: firstLayer, keepsAll: !recomputes, pool: pool)
            residuals = try (0...configuration.layers).map { layer throws(ResourceError) in
                try FloatBuffer(layer < firstLayer ? 0 : maximumRows * configuration.hidden, for: "activations of a training step")
            }
            head = try TrainingHead(weights, product: product, pool: pool, maximumRows: maximumRows)
            attention = TrainingAttention(configuration, pool: pool)
            seam = LinearGradient(configuration, product: product, weights: weights, pool: pool, balances: balances)
            mixtures = FeedForwardGradient(weights, pool: pool, balances: balances)
            branches = BranchGradient(configuration, pool: pool)
            embedding = EmbeddingGradient(configuration, pool: pool)
        } catch {
            throw ModelError(error)
        }
        rotation = PositionRotations(configuration.rope, dimension: configuration.rotaryDimension)
        slidingRotation = PositionRotations(configuration.slidingRope ?? configuration.rope, dimension: configuration.rotaryDimension)
        if configuration.rope.short != nil {
            shortRotation = PositionRotations(configuration.rope, dimension: configuration.rotaryDimension, isShort: true)
        }
    }

    /// The natural logarithms of the probabilities of a batch's targets, run by run. Errors: `noMemory`, before anything is computed.
    ///
    /// The caller has checked that tokens are in the vocabulary and that rows are at most `maximumRows`; these are preconditions.
    /// - Parameter differentiates: `backward` will be called.
    public func forward(_ batch: TrainingBatch, differentiates: Bool) throws(ModelError) -> [[Float]] {
        try begin(TrainingPlan(batch))
        if plan.rows == 0 { return batch.runs.map { _ in [] } }
        balances.clear()
        balances.isRecording = true
        embed()
        runLayers(from: 0, differentiates: differentiates)
        balances.isRecording = false
        if wasInterrupted { return plan.targetRanges.map { [Float](repeating: 0, count: $0.count) } }
        balances.evaluate(plan)
        let logarithms = runHead(differentiates: differentiates)
        return plan.targetRanges.map { range in range.map { logarithms[$0] } }
    }

    /// Makes room for a plan's step.
    func begin(_ plan: TrainingPlan) throws(ModelError) {
        precondition(plan.rows <= maximumRows, "a step of \(plan.rows) rows, the workspace has room for \(maximumRows)")
        self.plan = plan
        isDifferentiable = false
        wasInterrupted = false
        if plan.rows == 0 { return }
        let reach = (plan.positions.max() ?? 0) + 1
        rotation.extend(to: reach)
        slidingRotation.extend(to: reach)
        shortRotation?.extend(to: reach)
        try reserve()
    }

    /// The layers from one on, whose input is in `residuals`; `finished` is called after each.
    func runLayers(from first: Int, differentiates: Bool, finished: (_ layer: Int) -> Void = { _ in }) {
        for layer in first..<configuration.layers {
            if stops { break }
            runLayer(layer, isAgain: false)
            addOutput(layer, to: residuals[layer + 1])
            if differentiates && keepsLayers { kept?.store(layer, rows: plan.rows) }
            finished(layer)
        }
    }

    /// The natural logarithms of the probabilities of the plan's targets.
    func runHead(differentiates: Bool) -> [Float] {
        let logarithms = head.forward(plan, residuals[configuration.layers], vectors.finalNorm, differentiates: differentiates)
        isDifferentiable = differentiates
        return logarithms
    }

    /// With gradients, each group of targets among its own tokens.
    func runHead(among groups: [CandidateTargets]) -> [Float] {
        isDifferentiable = true
        return head.forward(plan, residuals[configuration.layers], vectors.finalNorm, among: groups)
    }

    /// The balance loss of an adapter over its rows in the last `forward`'s batch; nil: it has none.
    public func balanceLoss(_ adapter: TrainableAdapter) -> Double? { balances.loss(adapter) }

    /// Adds the gradients of a loss to those of the adapters of the last `forward`'s batch, with those of their balance losses. Once after
    /// each `forward`, as it overwrites what that kept.
    ///
    /// - Parameter slopes: run by run, the derivative of the loss by each of the log-probabilities that `forward` returned.
    public func backward(_ slopes: [[Float]]) {
        precondition(
            slopes.count == plan.segments.count && zip(slopes, plan.targetRanges).allSatisfy { $0.count == $1.count },
            "the slopes are not those of the last batch")
        guard !plan.bands.isEmpty, !wasInterrupted else { return }
        let trainsEmbedding = plan.bands.contains { $0.adapter.vocabulary?.trainsEmbedding == true }
        differentiateLayers(slopes.flatMap { $0 }, to: lowestTrained, wantsInput: trainsEmbedding)
        if trainsEmbedding, !wasInterrupted { embedding.backward(plan, gradients.residual) }
    }

    /// From the head down to a layer; nil: to none. `gradients.residual` is then that of the layer's input, if it is wanted.
    func differentiateLayers(_ slopes: [Float], to lowest: Int?, wantsInput: Bool) {
        precondition(isDifferentiable, "backward follows a forward pass with gradients, once")
        isDifferentiable = false
        head.backward(plan, residuals[configuration.layers], vectors.finalNorm, slopes: slopes, into: gradients.residual)
        guard let lowest else { return }
        for layer in stride(from: configuration.layers - 1, through: lowest, by: -1) {
            if stops { return }
            recall(layer)
            differentiate(layer, isLowest: layer == lowest && !wantsInput)
        }
    }

    /// Whether keeping the layers of steps of so many rows would take more than half of the memory that the machine has left.
    public static func isMemoryShort(_ configuration: DecoderConfiguration, rows: Int) -> Bool {
        SystemMemory.availableBytes.map { KeptActivations.byteCount(configuration, rows: rows) > $0 / 2 } ?? false
    }

    /// Whether the layers of the plan are kept. Products before output scales are not.
    private var keepsLayers: Bool { kept?.keepsAll == true && !plan.scalesOutputs }

    /// Fills `activations` with those of a layer, for its way back.
    private func recall(_ layer: Int) {
        // The last layer's activations are still there.
        if !keepsLayers && layer < configuration.layers - 1 { runLayer(layer, isAgain: true) }
        if let kept {
            if !keepsLayers { kept.store(layer, rows: plan.rows) }
            kept.restore(layer, rows: plan.rows)
        }
        deriveActivations(layer)
    }

    private var stops: Bool {
        if interruption?.isSet == true { wasInterrupted = true }
        return wasInterrupted
    }

    /// The first layer that some row needs to be differentiated; nil: none.
    private var lowestTrained: Int? {
        (0..<configuration.layers).first { layer in
            plan.bands.contains { $0.adapter.trains(layer) }
        }
    }

    /// Makes room for the plan's working memory.
    private func reserve() throws(ModelError) {
        do throws(ResourceError) {
            try product.reserve(plan)
            try head.reserve(plan)
            try attention.reserve(plan)
            try seam.prepare(plan)
            try mixtures.prepare(plan)
            try branches.prepare(plan)
            try embedding.prepare(plan)
        } catch {
            throw ModelError(error)
        }
    }

    private func embed() {
        let (hidden, target, table) = (configuration.hidden, residuals[0].pointer, EmbeddingRows(weights))
        pool.run { thread in
            for row in WorkerPool.slice(plan.rows, of: thread, threads: pool.threads) {
                let x = target + row * hidden
                table.read(Int(plan.tokens[row]), into: x)
                if configuration.embeddingScale != 1 { Kernels.multiply(x, by: configuration.embeddingScale, count: hidden) }
            }
        }
        embedding.forward(plan, residuals[0])
    }
}
