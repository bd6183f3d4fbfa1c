internal import Dispatch
internal import HTTP
public import Logging
public import OpenAIAPI
internal import Serving
internal import Telemetry
internal import Tensors
public import UV

/// The running service: an HTTP server that answers from the first moment, models that load behind it, a watched folder,
/// and an orderly end. Loop only.
@LoopActor
public final class Service {
    public let configuration: ServiceConfiguration
    /// nil until the models are open.
    public private(set) var parts: ServiceParts?

    private let logger: Logger
    private let metrics = ServiceMetrics()
    private let api: APIService
    private let server: HTTPServer
    private let started = UnixClock.seconds()
    private var watch: LibraryWatch?
    private var sweep: UploadSweep?
    private let decisions = NotedDecisions()
    private var desk: TuningDesk?
    private var isStopped = false

    /// - Parameter keys: who may ask; see `readKeys`.
    public init(_ configuration: ServiceConfiguration, keys: APIKeys = APIKeys(), logger: Logger, version: String = "0") {
        self.configuration = configuration
        self.logger = logger
        var settings = APIConfiguration()
        settings.limits = configuration.limits.api
        settings.cors = configuration.cors
        settings.keys = keys
        settings.modelAliases = configuration.modelAliases
        settings.separatesCaches = configuration.separatesCaches
        settings.isLenient = configuration.isLenient
        settings.usersMayTune = configuration.tuningAccess == .user
        settings.usersMayTell = configuration.memoryAccess == .user
        settings.memories = configuration.memories
        settings.version = version
        let registry = metrics.registry
        let log = RequestLog(logger: logger)
        let api = APIService(
            settings, metrics: { registry.exposition() },
            observe: { [metrics, decisions] record in
                metrics.note(record)
                for memory in record.memories { decisions.log?.note(memory, of: record) }
                log.note(record)
            })
        self.api = api
        server = HTTPServer(
            limits: configuration.limits.http, errorAnswer: APIService.errorAnswer(cors: configuration.cors),
            headCheck: { head in api.refusal(of: head) },
            acceptFailed: { error in
                logger.error("a connection could not be accepted; the server tries again", metadata: ["why": .string(error.message)])
            },
            handler: { request, responder in api.handle(request, responder) })
    }

    /// Binds; answers 503 to requests that need the models until `open` has been called. Returns the port.
    @discardableResult
    public func listen() throws(GatewayError) -> Int {
        do {
            let port = try server.listen(host: configuration.host, port: configuration.port)
            let isOpenToOthers = api.configuration.keys.isEmpty && server.address?.isLoopback != true
            api.hasConsole = configuration.console == .on || (configuration.console == .auto && !isOpenToOthers)
            if api.hasConsole, let address = server.address { logger.info("console", metadata: ["url": .string("http://\(address)/")]) }
            if isOpenToOthers {
                logger.warning(
                    "other machines can reach this server, and it asks for no key; \(Setting.apiKeyFile.flag) names a file of keys",
                    metadata: ["host": .string(configuration.host)])
            }
            return port
        } catch {
            let advice = error.code == .addressInUse ? "; \(Setting.port.flag) names another port" : ""
            throw GatewayError(.notBound, "\(error)\(advice)", place: "\(configuration.host):\(configuration.port)")
        }
    }

    /// Opens models and adapters off the loop and starts to serve them. Returns when requests are answered: routing examples
    /// that no cache has are embedded before, so that no request that the router should decide falls to the base.
    ///
    /// - Parameter looked: called off the loop after the first look at the folders.
    public func open(
        _ opening: @escaping @Sendable () throws -> ServiceParts, looked: @escaping @Sendable (AdapterLibrary) -> Void = { _ in }
    ) async throws {
        let start = ContinuousClock().now
        let decisions = try configuration.decisionLog.map { settings throws(GatewayError) in try DecisionLog(settings) }
        let progress = IndexingProgress(logger)
        let (parts, refresh, desk) = try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "lmoe.opening", qos: .userInitiated).async { [configuration, logger, metrics] in
                continuation.resume(
                    with: Result {
                        let parts = try opening()
                        let refresh = parts.library.refresh { progress.note($0, of: $1) }
                        looked(parts.library)
                        let desk = try TuningDesk.open(configuration, parts, logger) { refresh in
                            metrics.noteRefresh()
                            Self.report(refresh, to: logger)
                        }
                        // What opening needed for a moment goes back to the system.
                        Heap.trim()
                        return (parts, refresh, desk)
                    })
            }
        }
        self.desk = desk
        // The service ended while the models loaded.
        guard !api.isDraining else {
            stopTuning()
            await parts.memories?.stop()
            return parts.backend.stop()
        }
        self.parts = parts
        report(refresh)
        metrics.observe(parts.library)
        self.decisions.log = decisions
        if let decisions { metrics.observe(decisions) }
        if let memories = parts.memories { metrics.observe(memories) }
        serve(parts, decisions)
        metrics.observeReadiness(parts)
        metrics.setReady(true)
        for name in configuration.memories where parts.library.shelf.entries[name] == nil {
            logger.warning("a memory that each request should ask is not there", metadata: ["memory": .string(name)])
        }
        let milliseconds = Int(((ContinuousClock().now - start) / .milliseconds(1)).rounded())
        logger.info(
            "ready",
            metadata: [
                "base": .string(parts.backend.baseModelName), "context": .integer(parts.backend.contextLength),
                "adapters": .integer(parts.library.shelf.names.count),
                "routable": .integer(parts.library.router?.routableAdapters.count ?? 0), "ms": .integer(milliseconds),
            ])
    }

    private func serve(_ parts: ServiceParts, _ decisions: DecisionLog?) {
        let (library, backend) = (parts.library, parts.backend)
        let routing = WorkQueue(
            "lmoe.routing", capacity: configuration.limits.queuedForRouting, purpose: "to be routed or embedded")
        let serving = library.serving(
            backend, queue: routing, limits: configuration.limits.serving,
            decided: { [logger] decision, question in
                decisions?.note(decision, question)
                guard let cause = decision.notes.judgement?.cause else { return }
                logger.warning(
                    "the language model did not judge: the router's decision stands",
                    metadata: ["id": .string(question.requestID), "why": .string(cause)])
            },
            fellBack: { [logger] fallback in
                logger.warning(
                    "the adapter that the router chose cannot answer",
                    metadata: [
                        "id": .string(fallback.requestID), "adapter": .string(fallback.adapter), "why": .string(fallback.why),
                        "instead": .string(fallback.instead ?? "base"),
                    ])
            },
            notLoaded: { [logger] adapter, error in
                logger.warning("an adapter could not be loaded", metadata: ["adapter": .string(adapter), "why": .string(error.description)])
            })
        metrics.observe(backend)
        metrics.observe(serving, routing)
        let changes = WorkQueue("lmoe.administration", capacity: configuration.limits.queuedChanges, purpose: "for changes of adapters")
        api.services = APIServices(
            serving: serving,
            catalogue: LibraryCatalogue(
                library: library, baseName: backend.baseModelName, contextLength: backend.contextLength, started: started),
            adapters: LibraryAdministration(library: library, imports: configuration.imports, queue: changes),
            embeddings: parts.embedder.map { QueuedEmbeddings(embedder: $0, queue: routing) }, tuning: desk, memories: parts.memories)
        sweep = UploadSweep(library.store.uploads, seconds: library.store.limits.uploadSeconds, queue: changes, logger: logger)
        let folders = [configuration.adapters] + [configuration.routes].compactMap { $0 }
        let watch = LibraryWatch(
            library, folders: folders, rescanMilliseconds: configuration.limits.rescanMilliseconds,
            report: { [logger, metrics] refresh in
                metrics.noteRefresh()
                Self.report(refresh, to: logger)
            })
        self.watch = watch
        // Between the first look and the watch something may have come.
        watch.look()
    }

    private func report(_ refresh: AdapterLibrary.Refresh) { Self.report(refresh, to: logger) }

    private nonisolated static func report(_ refresh: AdapterLibrary.Refresh, to logger: Logger) {
        for name in refresh.changes.added { logger.info("adapter added", metadata: ["adapter": .string(name)]) }
        for name in refresh.changes.replaced { logger.info("adapter replaced", metadata: ["adapter": .string(name)]) }
        for (name, notice) in refresh.notices {
            logger.warning("an adapter is served with a reservation", metadata: ["adapter": .string(name), "why": .string(notice)])
        }
        for name in refresh.changes.removed { logger.info("adapter removed", metadata: ["adapter": .string(name)]) }
        let changes = refresh.changes
        if let failure = changes.folderFailure {
            logger.error("the adapters folder cannot be read: all adapters stay what they were", metadata: ["why": .string(failure.description)])
        }
        if changes.isFolderBack { logger.info("the adapters folder can be read again") }
        for (event, errors) in [
            ("adapter rejected", changes.rejected), ("adapter keeps an older version: its new files cannot be used", changes.kept),
            ("adapter is not ready", changes.stalled),
        ] {
            for (name, error) in errors.sorted(by: { $0.key < $1.key }) {
                logger.warning("\(event)", metadata: ["adapter": .string(name), "why": .string(error.description)])
            }
        }
        for doubt in refresh.doubts {
            logger.warning("access rules or routing data cannot be read: what was known before stays in force", metadata: ["why": .string(doubt)])
        }
        if refresh.isCertainAgain { logger.info("access rules and routing data can be read again") }
        if let problem = refresh.cacheProblem { logger.warning("the cache of embedded examples does not work", metadata: ["why": .string(problem)]) }
        for (name, problem) in refresh.routingProblems.sorted(by: { $0.key < $1.key }) {
            logger.warning("adapter is not routed", metadata: ["adapter": .string(name), "why": .string(problem)])
        }
        for (adapter, other, similarity) in refresh.overlaps {
            logger.warning(
                "the router can't tell two adapters apart: their examples are nearly the same",
                metadata: ["adapter": .string(adapter), "other": .string(other), "similarity": .number((Double(similarity) * 1000).rounded() / 1000)])
        }
        for claim in refresh.claims {
            logger.warning(
                "most texts of an adapter that came or changed went to another one until now",
                metadata: ["adapter": .string(claim.adapter), "other": .string(claim.other), "texts": .string("\(claim.texts) of \(claim.looked)")])
        }
        for (owner, problem) in refresh.ruleProblems { logger.warning("a rule has no effect", metadata: ["of": .string(owner), "why": .string(problem)]) }
        for (adapter, problem) in refresh.keyProblems.sorted(by: { $0.key < $1.key }) {
            logger.warning(
                "an access rule is about keys, and the service asks for none; \(Setting.apiKeyFile.flag) names a file of keys",
                metadata: ["adapter": .string(adapter), "why": .string(problem)])
        }
        if let failure = refresh.routerFailure { logger.error("the router keeps its last index", metadata: ["why": .string(failure)]) }
    }

    // MARK: The end

    /// Refuses new work, lets running requests finish within the limit, and closes.
    public func drain() async {
        guard !isStopped else { return }
        api.isDraining = true
        metrics.setReady(false)
        stopWatching()
        let tuning = stopTuning()
        logger.info("draining", metadata: ["connections": .integer(server.connectionCount)])
        await server.drain(deadlineMilliseconds: configuration.limits.drainMilliseconds) { [api] in
            api.endAll(APIError(.draining, "The server is stopping.", retryAfterSeconds: 5))
        }
        await parts?.memories?.stop()
        await tuning?.value
        decisions.log?.flush()
        stop()
    }

    private func stopWatching() {
        watch?.close()
        watch = nil
        sweep?.close()
        sweep = nil
    }

    /// Running jobs write checkpoints at their next step. Nothing to wait for without jobs.
    @discardableResult
    private func stopTuning() -> Task<Void, Never>? {
        defer { desk = nil }
        return desk.map { desk in Task { await desk.stop() } }
    }

    /// Cuts off what still runs.
    public func stop() {
        guard !isStopped else { return }
        isStopped = true
        api.isDraining = true
        metrics.setReady(false)
        stopWatching()
        api.endAll(APIError(.draining, "The server is stopping.", retryAfterSeconds: 5))
        server.close()
        stopTuning()
        parts?.backend.stop()
        logger.info("stopped")
    }
}

/// Where decisions are written down, once the log is open. Loop only.
@LoopActor
private final class NotedDecisions {
    var log: DecisionLog?
    nonisolated init() {}
}
