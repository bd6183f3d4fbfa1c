public import Adapters
public import Routing
internal import Synchronization
internal import Tensors

/// The adapters that are served, and what the router knows of them: the store and the router kept in step.
///
/// `refresh` reads files and embeds: any thread but the loop and the engine. `shelf` is a copy behind a lock: any thread.
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
        /// Why folders are not served, by name.
        public var refusals: [String: String] = [:]
        /// Taken out of service by `unload`; their folders stay.
        public var unloaded: Set<String> = []
        /// Who may use which adapter, and how its requests go on.
        public var rules = RouteRules()
        /// By name: adapters that came while others served, and who got most of their texts until then.
        public var claims: [String: RouteClaim] = [:]
    }

    /// What one refresh found.
    public struct Refresh: Sendable {
        public var changes = AdapterChanges()
        /// Routing data that could not be read, by adapter, where that is new.
        public var routingProblems: [String: String] = [:]
        /// Rules that name what is not there, where that is new.
        public var ruleProblems: [(owner: String, problem: String)] = []
        /// Adapters that came or changed, and others with nearly the same examples: the router can't tell them apart.
        public var overlaps: [(adapter: String, other: String, similarity: Float)] = []
        /// Adapters that came or changed, most of whose texts went to another one until then.
        public var claims: [RouteClaim] = []
        /// The router's index was built anew.
        public var isRouterUpdated = false
        /// Why the index could not be built: the last one goes on.
        public var routerFailure: String?

        public var isEmpty: Bool { changes.isEmpty && routingProblems.isEmpty && ruleProblems.isEmpty && !isRouterUpdated && routerFailure == nil }
    }

    public let store: AdapterStore
    /// nil without an encoder: nothing is routed.
    public let router: Router?
    /// Decides requests with the router, the rules and the conversations before.
    public let dispatcher: RouteDispatcher
    private let files: RouteFiles
    private let current = Mutex(Shelf())
    /// Held by a refresh; what it remembers for the next one.
    private let refreshing = Mutex(Memory())

    /// Adapters that came together and are compared with all others; of more, `lmoe route doctor` tells.
    private static let mostCompared = 32

    private struct Memory {
        var folderStamps: [String: FolderStamp] = [:]
        var routesStamp: FolderStamp?
        var readings: [String: Reading] = [:]
        var indexed: [RouteDefinition]?
        /// Texts that no adapter should answer, and those that the index was built with.
        var negatives: [String] = []
        var indexedNegatives: [String] = []
        /// Names in rules that nothing has; they are told once.
        var unknownNames: Set<String> = []
    }

    private struct Reading: Sendable {
        var definition: RouteDefinition?
        /// Why the router cannot choose it.
        var problem: String?
        /// The same where its files are to blame.
        var failure: String?
        /// `failure` was reported.
        var isTold = false
        var access = RouteAccess.everyone
    }

    public init(store: AdapterStore, router: Router?, files: RouteFiles, policy: RequestPolicy = .init()) {
        self.store = store
        self.router = router
        self.files = files
        dispatcher = RouteDispatcher(router: router, policy: policy)
    }

    public var shelf: Shelf { current.withLock { $0 } }

    /// Looks at the folders and brings what is served and what is routed up to date. Names are published before the
    /// router's index is built, so a new adapter can be named at once.
    /// - Parameter progress: told how many of how many new examples are embedded, now and then, on this thread.
    @discardableResult
    public func refresh(progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }) -> Refresh {
        refreshing.withLock { memory in
            var refresh = Refresh()
            refresh.changes = store.rescan()
            let unloaded = shelf.unloaded
            let all = store.list()
            let statuses = all.filter { $0.isServable && !unloaded.contains($0.name) }
            read(all, &memory, &refresh)
            tell(statuses, &memory, &refresh)
            checkNames(all, &memory, &refresh)
            let refusals = all.compactMap { status in status.refusal.map { (status.name, $0.description) } }
            publish(statuses, refusals: Dictionary(refusals) { first, _ in first }, memory)
            route(statuses, &memory, &refresh, progress)
            return refresh
        }
    }

    /// Routing data of folders that changed since the last time.
    private func read(_ statuses: [AdapterStatus], _ memory: inout Memory, _ refresh: inout Refresh) {
        let routesStamp = files.routesFolder.map(FolderStamp.init)
        let isOverridden = routesStamp != memory.routesStamp
        memory.routesStamp = routesStamp
        if isOverridden { readNegatives(&memory, &refresh) }
        let names = Set(statuses.map(\.name))
        memory.readings = memory.readings.filter { names.contains($0.key) }
        var changed: [AdapterStatus] = []
        for (status, stamp) in zip(statuses, Parallel.map(statuses) { FolderStamp($0.folder) }) {
            if !isOverridden, memory.folderStamps[status.name] == stamp, memory.readings[status.name] != nil { continue }
            memory.folderStamps[status.name] = stamp
            changed.append(status)
        }
        guard !changed.isEmpty else { return }
        let overrides = files.overrides()
        let last = memory.readings
        let readings = Parallel.map(changed) { [files] in Self.read($0, files, overrides, last: last[$0.name]) }
        for (status, reading) in zip(changed, readings) { memory.readings[status.name] = reading }
    }

    /// Problems with the data of adapters that are served, once each.
    private func tell(_ statuses: [AdapterStatus], _ memory: inout Memory, _ refresh: inout Refresh) {
        for status in statuses {
            guard let reading = memory.readings[status.name], let failure = reading.failure, !reading.isTold else { continue }
            refresh.routingProblems[status.name] = failure
            memory.readings[status.name]?.isTold = true
        }
    }

    /// A file that cannot be read leaves the last texts in force.
    private func readNegatives(_ memory: inout Memory, _ refresh: inout Refresh) {
        do throws(RoutingError) {
            memory.negatives = try files.negatives()
        } catch {
            refresh.routingProblems["routes/none.jsonl"] = error.description
        }
    }

    /// Rules that name an adapter of which there is no folder: most likely a slip.
    private func checkNames(_ statuses: [AdapterStatus], _ memory: inout Memory, _ refresh: inout Refresh) {
        let known = Set(statuses.map(\.name))
        var unknown: Set<String> = []
        func check(_ name: String?, _ key: String, of owner: String) {
            guard let name, name != "base", !known.contains(name) else { return }
            let problem = "`\(key)` names `\(name)`, of which there is no folder"
            unknown.insert("\(owner): \(problem)")
            if !memory.unknownNames.contains("\(owner): \(problem)") { refresh.ruleProblems.append((owner, problem)) }
        }
        for status in statuses {
            let handling = memory.readings[status.name]?.definition?.handling
            check(handling?.canary?.adapter, "canary", of: status.name)
            check(handling?.defaultAdapter, "default_adapter", of: status.name)
        }
        check(dispatcher.policy.defaultAdapter, "default-adapter", of: "settings")
        memory.unknownNames = unknown
    }

    private static func read(
        _ status: AdapterStatus, _ files: RouteFiles, _ overrides: RouteOverrides, last: Reading?
    ) -> Reading {
        do throws(RoutingError) {
            let definition = try files.definition(adapter: status.name, folder: status.folder, overrides: overrides)
            let problem =
                definition.indexedTexts.isEmpty
                ? "it has no routing data: served by name, never chosen by the router"
                : definition.isEnabled ? nil : "its routing is switched off: served by name only"
            return Reading(definition: definition, problem: problem, access: definition.handling.access)
        } catch {
            let access = files.access(
                adapter: status.name, folder: status.folder, overrides: overrides, last: last?.access)
            let failure = error.description
            return Reading(problem: failure, failure: failure, isTold: last?.failure == failure && last?.isTold == true, access: access)
        }
    }

    private func publish(_ statuses: [AdapterStatus], refusals: [String: String], _ memory: Memory) {
        var entries: [String: Shelf.Entry] = [:]
        for status in statuses {
            let reading = memory.readings[status.name]
            entries[status.name] = Shelf.Entry(
                name: status.name, folder: status.folder, changed: memory.folderStamps[status.name]?.seconds ?? 0,
                family: status.family, route: reading?.definition,
                routingProblem: router == nil ? "the service has no encoder" : reading?.problem)
        }
        let names = entries.keys.sorted()
        let restricted = memory.readings.compactMapValues { $0.access == .everyone ? nil : $0.access }
        current.withLock { shelf in
            shelf.entries = entries.filter { !shelf.unloaded.contains($0.key) }
            shelf.names = names.filter { shelf.entries[$0] != nil }
            shelf.refusals = refusals
            shelf.rules = RouteRules(
                served: shelf.entries.mapValues { $0.route?.handling ?? RouteHandling() }, restricted: restricted,
                descriptions: shelf.entries.compactMapValues { $0.route?.description })
        }
    }

    private func route(
        _ statuses: [AdapterStatus], _ memory: inout Memory, _ refresh: inout Refresh, _ progress: (Int, Int) -> Void
    ) {
        guard let router else { return }
        // What a definition says beside its texts is no business of the index.
        let definitions = statuses.compactMap { memory.readings[$0.name]?.definition }.sorted { $0.adapter < $1.adapter }.map { definition in
            var bare = definition
            bare.handling = RouteHandling()
            return bare
        }
        guard definitions != memory.indexed || memory.negatives != memory.indexedNegatives else { return }
        do throws(RoutingError) {
            refresh.claims = try router.update(definitions, negatives: memory.negatives, progress: progress)
            let known = Dictionary((memory.indexed ?? []).map { ($0.adapter, $0.indexedTexts) }, uniquingKeysWith: { first, _ in first })
            let changed = definitions.filter { known[$0.adapter] != $0.indexedTexts }.map(\.adapter)
            let routed = Set(definitions.map(\.adapter)).subtracting(changed)
            current.withLock { shelf in
                shelf.claims = shelf.claims.filter { routed.contains($0.key) }
                for claim in refresh.claims { shelf.claims[claim.adapter] = claim }
            }
            if changed.count <= Self.mostCompared { refresh.overlaps = router.overlaps(of: Set(changed)).map { ($0.first, $0.second, $0.similarity) } }
            memory.indexed = definitions
            memory.indexedNegatives = memory.negatives
            refresh.isRouterUpdated = true
        } catch {
            refresh.routerFailure = error.description
        }
    }

    // MARK: Out of service and back

    /// Takes a name out of service at once, and out of memory; its folder stays, requests that hold it finish. False when it is
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
