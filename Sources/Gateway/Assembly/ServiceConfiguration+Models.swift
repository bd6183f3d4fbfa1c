internal import Embeddings
public import Generation
internal import Glibc
public import Inference
public import Logging
public import Models
public import Tensors

extension ServiceConfiguration {
    /// Starts the threads that compute.
    public func startPool() throws(GatewayError) -> WorkerPool {
        do throws(ResourceError) {
            return try WorkerPool(starting: threads, cpus: cpus, share: CoreShare(background: tuningShare))
        } catch {
            throw GatewayError(.notOpened, error.message, place: "threads")
        }
    }

    /// Starts the threads that compute fine-tuning jobs beside those of `pool`, to which they give way. They are never pinned: the system
    /// runs them where no thread of a request computes.
    public func startTuningPool(beside pool: WorkerPool) throws(GatewayError) -> WorkerPool {
        do throws(ResourceError) {
            return try WorkerPool(starting: tuningThreads ?? pool.threads, share: pool.share, isBackground: true)
        } catch {
            throw GatewayError(.notOpened, error.message, place: "tuning-threads")
        }
    }

    /// Starts the threads that write facts, which also give way. A client waits for them: they get on beside other processes.
    public func startMemoryPool(beside pool: WorkerPool) throws(GatewayError) -> WorkerPool {
        do throws(ResourceError) {
            return try WorkerPool(starting: tuningThreads ?? pool.threads, share: pool.share, isBackground: true, isIdle: false)
        } catch {
            throw GatewayError(.notOpened, error.message, place: "tuning-threads")
        }
    }

    /// The base with its weights. `pool` computes the steps.
    public func openBase(_ pool: WorkerPool) throws(GatewayError) -> BaseModel {
        do {
            return try BaseModel.open(base, precision: decoderPrecision, pool: pool, keyValueFormat: keyValueCache.format)
        } catch {
            throw GatewayError(.notOpened, error.description, place: base)
        }
    }

    /// The base's weights alone, of files that are open: what tuning needs.
    public func openDecoder(_ files: ModelFiles, _ pool: WorkerPool) throws(GatewayError) -> DecoderWeights {
        do {
            return try DecoderWeights(files, precision: decoderPrecision, pool: pool, keyValueFormat: keyValueCache.format)
        } catch {
            throw GatewayError(.notOpened, error.description, place: base)
        }
    }

    /// The router's encoder, a network or static vectors by what the folder holds; nil when the settings say `none`. It may share the base's pool.
    public func openEmbedder(_ pool: WorkerPool) throws(GatewayError) -> (any TextEmbedder)? { try open(encoder, pool) }

    /// The encoder that is asked first; nil without one.
    public func openFirstEmbedder(_ pool: WorkerPool) throws(GatewayError) -> (any TextEmbedder)? { try open(firstEncoder, pool) }

    private func open(_ encoder: String?, _ pool: WorkerPool) throws(GatewayError) -> (any TextEmbedder)? {
        guard let encoder else { return nil }
        do {
            return try EncoderFolder.open(encoder, precision: decoderPrecision, pool: pool)
        } catch {
            let hint = access(encoder, F_OK) == 0 ? "" : "; scripts/models fetches models/encoder, and scripts/models static models/static"
            throw GatewayError(.notOpened, "\(error)\(hint)", place: encoder)
        }
    }

    /// Starts the engine's thread.
    public func openEngine(_ base: BaseModel, library: AdapterLibrary, encoder: @escaping EncoderSource = { nil }) throws(GatewayError) -> Engine {
        var bounds = limits.engine
        bounds.stopStrings = limits.api.stopStrings
        bounds.stopStringBytes = limits.api.stopStringBytes
        do throws(BaseModelError) {
            return try Engine(base: base, store: library.store, encoder: encoder, limits: bounds)
        } catch {
            throw GatewayError(.notOpened, error.message, place: self.base)
        }
    }

    /// Everything that a service needs; for `Service.run`. Seconds, mostly for packing weights; the library is empty
    /// before its first `refresh`, which the service does.
    ///
    /// - Parameter logger: told of fine-tuning jobs, and of threads that read weights from other memory nodes.
    public func openParts(_ logger: Logger = Logger(label: "lmoe")) throws(GatewayError) -> ServiceParts {
        // Before the seconds that weights take.
        try checkRoutes()
        let pool = try startPool()
        if cpus == nil, threads > 1, let advice = MemoryNodes().advice(for: UsableCPUs.allowed) { logger.notice("\(advice)") }
        let model = try openBase(pool)
        let embedder = try openEmbedder(pool)
        let memories = openMemories(for: model.weights)
        let library = try openLibrary(
            for: model.weights, embedder: embedder, first: try openFirstEmbedder(pool), check: model.adapterPromptCheck, memories: memories)
        let engine = try openEngine(model, library: library, encoder: { embedder })
        var parts = ServiceParts(backend: engine, embedder: embedder, library: library)
        if let embedder = embedder as? EncoderEmbedder {
            let interruption = Interruption()
            let tellers = TellerShelf(
                memories, memoryBase(model), encoder: embedder, pool: try startMemoryPool(beside: pool), share: memoryShare,
                interruption: interruption)
            parts.memories = MemoryDesk(library, tellers, interruption: interruption, limits: limits.memory)
        }
        if tuningFolder != nil {
            parts.tuner = RunExecutor(
                try openTuningBase(try openModelFiles()), weights: model.decoder, baseWeights: model.weights,
                pool: try startTuningPool(beside: pool), logger: logger)
        }
        return parts
    }

    private var decoderPrecision: ModelPrecision { precision == .fast ? .fast : .reference }
}
