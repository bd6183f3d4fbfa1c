public import Adapters
public import Generation
public import Inference
public import Memory
public import Models
public import Routing

/// Opens the parts of the service one by one, for commands that need only some of them. Not for the loop.
extension ServiceConfiguration {
    /// The base's headers: enough to check adapters and to route; weights are not read.
    public func openModelFiles() throws(GatewayError) -> ModelFiles {
        do {
            return try ModelFiles.open(base)
        } catch {
            throw GatewayError(.notOpened, "\(error)", place: base)
        }
    }

    /// The base's weights, mapped: what adapters are checked against and, in some families, computed from.
    public func openBaseWeights() throws(GatewayError) -> BaseWeights { BaseWeights(try openModelFiles()) }

    /// The adapters folder for that base. Nothing is read before its first `rescan`. The fast path keeps matrices in int8:
    /// a quarter of the bytes to read in each step, rounded as its activations are.
    ///
    /// - Parameter check: of adapters' templates and tokens; by default against the base's tokenizer, which is opened for the first
    ///   adapter that needs it.
    /// - Parameter memories: those that are told in this process, too; nil: the store's own.
    public func openStore(for base: BaseWeights, check: AdapterPromptCheck? = nil, memories: MemoryLibrary? = nil) -> AdapterStore {
        AdapterStore(
            folder: adapters, base: base.configuration, weights: base, budgetBytes: limits.adapterBudgetBytes,
            element: adapterElement, limits: limits.adapters, registry: adapterRegistry(memories ?? openMemories(for: base)),
            check: (check ?? openPromptCheck()).check)
    }

    /// Whether adapters' templates and tokens go with the base.
    public func openPromptCheck() -> AdapterPromptCheck {
        AdapterPromptCheck { [self] in try AdapterPromptCheck.Base(openModelFiles()) }
    }

    /// How the store keeps the adapters' matrices.
    public var adapterElement: LowRank.Element { precision == .fast ? .int8 : .f32 }

    /// A router without an index; examples are cached below `cache` by content.
    public func openRouter(_ embedder: any TextEmbedder, first: (any TextEmbedder)? = nil) -> Router {
        let folder = cache.map { "\($0)/routes" }
        return Router(
            embedder: embedder, policy: policy, limits: limits.routing,
            first: first.map { Router(embedder: $0, policy: policy, limits: limits.routing, cacheFolder: folder) }, cacheFolder: folder)
    }

    /// Where routing data and access rules are read.
    public var routeFiles: RouteFiles {
        RouteFiles(routesFolder: routes, mayBeMissing: routesMayBeMissing, limits: limits.routing)
    }

    /// Refuses a routes folder that was named and does not exist, and any that cannot be read: which callers may use which adapter
    /// would not be known. Errors: `configuration`.
    public func checkRoutes() throws(GatewayError) {
        do throws(RoutingError) {
            try routeFiles.check()
        } catch {
            throw GatewayError(
                .configuration, "the folder of access rules cannot be read: \(error.message). Correct \(Setting.routes.flag), or give `none`",
                place: error.place ?? routes)
        }
    }

    /// Store and router together; empty before its first `refresh`. Errors: as `checkRoutes`.
    public func openLibrary(
        for base: BaseWeights, embedder: (any TextEmbedder)?, first: (any TextEmbedder)? = nil, check: AdapterPromptCheck? = nil,
        memories: MemoryLibrary? = nil
    ) throws(GatewayError) -> AdapterLibrary {
        try checkRoutes()
        return AdapterLibrary(
            store: openStore(for: base, check: check, memories: memories), router: embedder.map { openRouter($0, first: first) }, files: routeFiles, policy: requests,
            hasKeys: apiKeyFile != nil)
    }
}
