internal import Tensors

/// The decoder on packed weights, int8 activations and f16, bf16 or int8 keys and values, a step in one run of the worker threads.
///
/// A layer is phases with barriers between them; each phase is split either by rows (norm, quantise, shrink, turn, store)
/// or by outputs and heads (products, expand, attention). Every sum has an order of its row's own, so the bits of a row do not
/// depend on the split, the threads or the other rows. A step of one row saves the row phases' barriers: every thread repeats
/// them in memory of its own, but turns and stores only the heads that it made.
///
/// Isolation: `run` on the engine's thread; inside, threads write disjoint slices between barriers. Inner loops read plain
/// pointers and spans: no reference counting, no allocation.
final class FastDecoder {
    /// What a layer's loops read; the objects are kept alive by `matrices` and `vectors`.
    struct Layer {
        var attentionNorm: UnsafePointer<Float>
        var feedForwardNorm: UnsafePointer<Float>
        var attentionOutputNorm: UnsafePointer<Float>?
        var feedForwardOutputNorm: UnsafePointer<Float>?
        var queryNorm: UnsafePointer<Float>?
        var keyNorm: UnsafePointer<Float>?
        /// 0: none.
        var slidingWindow: Int
    }

    /// One projection of one layer.
    struct Linear {
        var projection: Projection
        var matrix: PackedMatrix.Span
        var bias: UnsafePointer<Float>?
        var outputs: Int
        var inputs: Int
    }

    let configuration: DecoderConfiguration
    let plan: StepPlan
    let pool: WorkerPool
    let scratch: FastScratch
    /// Bytes of packed weights.
    let weightBytes: Int
    let layers: UnsafeMutablePointer<Layer>
    /// At `layer * 7 + projection`.
    let linears: UnsafeMutablePointer<Linear>
    let head: PackedMatrix
    let headWeights: PackedMatrix.Span
    let finalNorm: UnsafePointer<Float>
    /// Looked up in the packed head, where that keeps it exactly; else in the file.
    let embedding: TensorView?
    private let vectors: DecoderVectors
    private let matrices: [PackedMatrix]

    /// Packs the weights, a matrix a thread. Errors: `malformed` weights that are not finite.
    init(_ files: ModelFiles, pool: WorkerPool, plan: StepPlan) throws(ModelError) {
        let configuration = files.configuration
        self.configuration = configuration
        self.plan = plan
        self.pool = pool
        let names = (0..<configuration.layers).flatMap { layer in Projection.allCases.map { WeightName.weight(layer, $0) } }
        let headName: WeightName = configuration.tiedHead ? .embedding : .head
        let packed = try Packing.pack(
            (names + [headName]).map { name in
                if case .weight(_, let projection) = name { return (files.tensor(name), files.rowOrder(projection)) }
                return (files.tensor(name), nil)
            }, mappedFiles: files.mappedFiles, pool: pool)
        matrices = packed
        guard let last = packed.last else { preconditionFailure("a head was packed") }
        head = last
        headWeights = last.span
        weightBytes = packed.reduce(0) { $0 + $1.byteCount }
        let table = files.tensor(.embedding)
        embedding = configuration.tiedHead && Packing.isExact(table.dtype) ? nil : table
        vectors = DecoderVectors(files)
        finalNorm = UnsafePointer(vectors.finalNorm.pointer)
        scratch = FastScratch(plan: plan, configuration: configuration, threads: pool.threads)

        layers = .allocate(capacity: configuration.layers)
        linears = .allocate(capacity: configuration.layers * Projection.allCases.count)
        for layer in 0..<configuration.layers {
            (layers + layer).initialize(to: vectors.layer(layer, configuration))
            for projection in Projection.allCases {
                let index = layer * Projection.allCases.count + projection.rawValue
                let (outputs, inputs) = projection.shape(in: configuration)
                (linears + index).initialize(
                    to: Linear(
                        projection: projection, matrix: packed[index].span, bias: vectors.bias(layer, projection),
                        outputs: outputs, inputs: inputs))
            }
        }
    }

    deinit {
        layers.deallocate()
        linears.deallocate()
    }

    /// What the run in progress reads and writes.
    private struct Target {
        unowned(unsafe) let cache: KeyValueCache
        let logits: LogitRows
    }

    private var target: Target?

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
        let step = FastStep(self, target.cache, thread)
        step.embed()
        for layer in 0..<configuration.layers {
            step.attention(layer)
            step.feedForward(layer)
        }
        step.head(target.logits)
    }
}

extension DecoderVectors {
    fileprivate func layer(_ index: Int, _ configuration: DecoderConfiguration) -> FastDecoder.Layer {
        func optional(_ norms: [FloatBuffer]) -> UnsafePointer<Float>? {
            norms.isEmpty ? nil : UnsafePointer(norms[index].pointer)
        }
        return FastDecoder.Layer(
            attentionNorm: UnsafePointer(attentionNorms[index].pointer),
            feedForwardNorm: UnsafePointer(feedForwardNorms[index].pointer),
            attentionOutputNorm: optional(attentionOutputNorms), feedForwardOutputNorm: optional(feedForwardOutputNorms),
            queryNorm: optional(queryNorms), keyNorm: optional(keyNorms),
            slidingWindow: configuration.slidingWindow(layer: index) ?? 0)
    }
}
