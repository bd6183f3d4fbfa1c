internal import Tensors

/// The fast path: packed weights, int8 activations and f16, bf16 or int8 keys and values. The rows of a plan go through all layers in
/// one run of the worker threads.
///
/// A layer is phases with barriers between them (`FastStep`). A phase is split either by rows (norm, quantise, shrink, rotate, store)
/// or by outputs and heads (products, expand, attention). Every sum has an order of its row's own, so the bits of a row do not
/// depend on the split, the threads or the other rows. A step of one row saves the row phases' barriers: every thread repeats
/// them in memory of its own, but rotates and stores only the heads that it made.
///
/// Isolation: the owner of the workspace calls `run`. Inside it, threads write disjoint slices between barriers. Inner loops read
/// plain pointers and views: no reference counting, no allocation.
final class FastDecoder {
    /// What a layer's loops read. `weights` keeps the memory alive.
    struct Layer {
        /// Nil: attention and feed-forward read the residual stream itself.
        var attentionNorm: UnsafePointer<Float>?
        var feedForwardNorm: UnsafePointer<Float>?
        var attentionOutputNorm: UnsafePointer<Float>?
        var feedForwardOutputNorm: UnsafePointer<Float>?
        var queryNorm: UnsafePointer<Float>?
        var keyNorm: UnsafePointer<Float>?
        /// `[heads]`
        var sinks: UnsafePointer<Float>?
        /// 0: none.
        var slidingWindow: Int
        var rotates: Bool
    }

    /// One linear map; without outputs where the configuration has no such map.
    struct Linear {
        var projection: Projection
        var matrix: PackedMatrix.View
        var bias: UnsafePointer<Float>?
        var outputs: Int
        var inputs: Int
    }

    let configuration: DecoderConfiguration
    let weights: PackedWeights
    let plan: RowPlan
    let pool: WorkerPool
    let scratch: FastScratch
    let layers: UnsafeMutablePointer<Layer>
    let linears: LinearEntries<Linear>
    /// Nil: each layer has one feed-forward.
    let experts: BaseExpertTables?
    /// Nil: steps are not measured.
    var profile: StepProfile?
    private let linearMemory: UnsafeMutablePointer<Linear>
    /// What the run in progress reads and writes.
    private var target: Target?

    private struct Target {
        unowned(unsafe) let cache: KeyValueCache
        let logits: LogitRows
    }

    init(_ weights: PackedWeights, pool: WorkerPool, plan: RowPlan) throws(ResourceError) {
        let configuration = weights.configuration
        scratch = try FastScratch(plan: plan, configuration: configuration, threads: pool.threads)
        self.configuration = configuration
        self.weights = weights
        self.plan = plan
        self.pool = pool
        layers = .allocate(capacity: configuration.layers)
        for layer in 0..<configuration.layers { (layers + layer).initialize(to: weights.vectors.layer(layer, configuration)) }
        let places = LinearPlace.all(layers: configuration.layers)
        linearMemory = .allocate(capacity: places.count)
        for place in places {
            let (outputs, inputs) = place.projection.shape(in: configuration)
            let matrix = weights.matrices[place]
            (linearMemory + place.index).initialize(
                to: Linear(
                    projection: place.projection, matrix: (matrix ?? weights.head).view, bias: weights.vectors.bias(place),
                    outputs: matrix == nil ? 0 : outputs, inputs: inputs))
        }
        linears = LinearEntries(linearMemory)
        experts = BaseExpertTables(weights)
    }

    deinit {
        layers.deallocate()
        linearMemory.deallocate()
    }

    /// Writes `[plan.logitsCount, vocabulary]`.
    func run(cache: KeyValueCache, logits: LogitRows) {
        scratch.prepare(plan)
        target = Target(cache: cache, logits: logits)
        pool.run(self)
        target = nil
    }
}

extension FastDecoder: PoolWork {
    func work(thread: Int) {
        guard let target else { return }
        FastStep(self, target.cache, thread).run(logits: target.logits)
    }
}

extension DecoderVectors {
    fileprivate func layer(_ index: Int, _ configuration: DecoderConfiguration) -> FastDecoder.Layer {
        func optional(_ norms: [FloatBuffer]) -> UnsafePointer<Float>? {
            norms.isEmpty ? nil : UnsafePointer(norms[index].pointer)
        }
        return FastDecoder.Layer(
            attentionNorm: optional(attentionNorms), feedForwardNorm: optional(feedForwardNorms),
            attentionOutputNorm: optional(attentionOutputNorms), feedForwardOutputNorm: optional(feedForwardOutputNorms),
            queryNorm: optional(queryNorms), keyNorm: optional(keyNorms), sinks: optional(sinks),
            slidingWindow: configuration.slidingWindow(layer: index) ?? 0,
            rotates: !configuration.unrotatedLayers.contains(index))
    }
}
