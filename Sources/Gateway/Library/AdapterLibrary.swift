public import Adapters
public import Routing
internal import Synchronization
internal import Tensors

/// The adapters that are served, and what the router knows of them: the store and the router kept in step.
///
/// `refresh` reads files and embeds: any thread but the loop and the engine. `shelf` is an immutable snapshot behind a lock that is held
/// while a reference is copied: any thread. No lock that readers take is held while files are read, texts embedded or rules trained.
public final class AdapterLibrary: Sendable {
    /// What is served now.
    public struct Shelf: Sendable {
        public struct Entry: Sendable {
            public var name: String
            public var folder: String
            /// Unix seconds: when the folder last changed.
            public var changed: Int
            public var family: String?
            /// nil when its routing data could not be read.
            public var route: RouteDefinition?
            /// Why the router cannot choose it.
            public var routingProblem: String?
        }

        /// Servable adapters by name.
        public var entries: [String: Entry] = [:]
        /// Their names, sorted.
        public var names: [String] = []
        /// What served adapters call their base, like `org/model`: names that clients may have for the base.
        public var baseNames: Set<String> = []
        /// By name, why folders are not served.
        public var refusals: [String: String] = [:]
        /// Names that `unload` took out of service; their folders stay.
        public var unloaded: Set<String> = []
        /// Which callers may use which adapter, and how its requests are handled.
        public var rules = RouteRules()
        /// By name: adapters that came while others served, and the adapter that most of their texts went to until then.
        public var claims: [String: RouteClaim] = [:]
        /// What cannot be read at the moment.
        public var condition = LibraryCondition()
    }

    /// The result of one refresh.
    public struct Refresh: Sendable {
        public var changes = AdapterChanges()
        /// What is to be known of adapters that came or changed, and are served all the same.
        public var notices: [(adapter: String, notice: String)] = []
        /// By adapter, why routing data is not used, where that is new.
        public var routingProblems: [String: String] = [:]
        /// Rules without effect, where that is new.
        public var ruleProblems: [(owner: String, problem: String)] = []
        /// By adapter, rules about keys that cannot work because the service asks for none, where that is new.
        public var keyProblems: [String: String] = [:]
        /// Adapters that came or changed, and others with nearly the same examples: the router cannot tell them apart.
        public var overlaps: [(adapter: String, other: String, similarity: Float)] = []
        /// Adapters that came or changed, most of whose texts went to another one until then.
        public var claims: [RouteClaim] = []
        /// What cannot be read, where that is new: what was known before stays in force.
        public var doubts: [String] = []
        /// Everything can be read again.
        public var isCertainAgain = false
        /// Why embedded examples are not kept on disk, where that is new.
        public var cacheProblem: String?
        /// The router's index was built anew.
        public var isRouterUpdated = false
        /// Why the index could not be built: the last one stays in use.
        public var routerFailure: String?

        public var isEmpty: Bool {
            changes.isEmpty && routingProblems.isEmpty && ruleProblems.isEmpty && keyProblems.isEmpty && doubts.isEmpty && !isCertainAgain
                && cacheProblem == nil && !isRouterUpdated && routerFailure == nil
        }
    }

    public let store: AdapterStore
    /// nil without an encoder: nothing is routed.
    public let router: Router?
    /// Decides requests with the router, the rules and the conversations before.
    public let dispatcher: RouteDispatcher
    let files: RouteFiles
    /// Callers have keys, so that rules about keys can work.
    private let hasKeys: Bool
    let current = Mutex(Shelf())
    /// Held by a look at the folders; only looks take it.
    private let looking = Mutex(LibraryMemory())
    let indexing = Mutex(Indexing())

    /// - Parameter hasKeys: false: rules about keys are reported as rules that cannot work.
    public init(store: AdapterStore, router: Router?, files: RouteFiles, policy: RequestPolicy = .init(), hasKeys: Bool = true) {
        self.store = store
        self.router = router
        self.files = files
        self.hasKeys = hasKeys
        dispatcher = RouteDispatcher(router: router, policy: policy)
    }

    public var shelf: Shelf { current.withLock { $0 } }

    /// Looks at the folders and brings what is served and what is routed up to date. Names are published before the router's index is
    /// built, so a new adapter can be named at once. When another thread is building the index, that thread builds it once more, and
    /// this call returns without waiting.
    /// - Parameter progress: called now and then on this thread with the number of new examples that are embedded, and of all new ones.
    @discardableResult
    public func refresh(progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }) -> Refresh {
        var refresh = look()
        updateIndex(&refresh, progress)
        return refresh
    }

    /// Looks at the folders and publishes what is served.
    private func look() -> Refresh {
        looking.withLock { memory in
            var refresh = Refresh()
            refresh.changes = store.rescan()
            let all = store.list()
            let changed = Set(refresh.changes.added + refresh.changes.replaced)
            for status in all where changed.contains(status.name) {
                refresh.notices += (status.summary?.notices ?? []).map { (status.name, $0) }
            }
            let unloaded = shelf.unloaded
            let served = all.filter { $0.isServable && !unloaded.contains($0.name) }
            memory.read(all, files, &refresh)
            memory.tellProblems(served, &refresh)
            memory.tellUnknownNames(all, defaultAdapter: dispatcher.policy.defaultAdapter, &refresh)
            if !hasKeys { memory.tellKeyRules(&refresh) }
            let condition = memory.condition(store.folderState)
            memory.tellDoubts(condition, &refresh)
            publish(all, memory, condition)
            indexing.withLock { $0.want(memory.definitions(served), memory.negatives) }
            return refresh
        }
    }

    /// Why an adapter, or its newest files, are not served, for clients. What the system said is for the log.
    func reason(_ error: AdapterError) -> String {
        switch error.code {
        case .io, .unavailable: "its files cannot be read"
        default: error.text(without: [store.folder])
        }
    }

    /// The next shelf is made outside the lock, again when an adapter was unloaded meanwhile.
    private func publish(_ all: [AdapterStatus], _ memory: LibraryMemory, _ condition: LibraryCondition) {
        let refusals = Dictionary(all.compactMap { status in status.refusal.map { (status.name, reason($0)) } }) { first, _ in first }
        let restricted = memory.restricted
        while true {
            let unloaded = shelf.unloaded
            let statuses = all.filter { $0.isServable && !unloaded.contains($0.name) }
            let entries = Dictionary(statuses.map { ($0.name, entry($0, memory)) }) { first, _ in first }
            let rules = RouteRules(
                served: entries.mapValues { $0.route?.handling ?? RouteHandling() }, restricted: restricted,
                descriptions: entries.compactMapValues { $0.route?.description })
            let names = entries.keys.sorted()
            let baseNames = Set(statuses.compactMap { $0.summary?.baseModelName }.filter { $0.utf8.count <= 256 })
            let isCurrent = current.withLock { shelf in
                guard shelf.unloaded == unloaded else { return false }
                shelf.entries = entries
                shelf.names = names
                shelf.baseNames = baseNames
                shelf.refusals = refusals
                shelf.rules = rules
                let cache = shelf.condition.cache
                shelf.condition = condition
                shelf.condition.cache = cache
                return true
            }
            if isCurrent { return }
        }
    }

    private func entry(_ status: AdapterStatus, _ memory: LibraryMemory) -> Shelf.Entry {
        let reading = memory.readings[status.name]
        return Shelf.Entry(
            name: status.name, folder: status.folder, changed: memory.stamps[status.name]?.seconds ?? 0, family: status.family,
            route: reading?.found.definition, routingProblem: router == nil ? "the service has no encoder" : reading?.routingProblem)
    }

    // MARK: Out of service and back

    /// Takes an adapter out of service at once, and out of memory. Its folder stays, and requests that hold it finish. False when it is
    /// not served.
    public func unload(_ name: String) -> Bool {
        let wasServed = current.withLock { shelf in
            guard shelf.entries.removeValue(forKey: name) != nil else { return false }
            shelf.names.removeAll { $0 == name }
            shelf.rules.served[name] = nil
            shelf.unloaded.insert(name)
            return true
        }
        if wasServed {
            store.drop(name)
            refresh()
        }
        return wasServed
    }

    /// Undoes `unload`.
    public func restore(_ name: String) {
        current.withLock { _ = $0.unloaded.remove(name) }
        refresh()
    }

    /// Takes the adapter out of service and deletes its folder; requests that hold it finish.
    public func remove(_ name: String) throws(AdapterError) {
        try store.remove(name)
        current.withLock { _ = $0.unloaded.remove(name) }
        refresh()
    }
}
