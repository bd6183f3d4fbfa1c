import Adapters
internal import Files
import Routing
internal import Tensors

/// What one look at the folders remembers for the next one. A value; one look at a time changes it.
struct LibraryMemory {
    struct Reading: Sendable {
        var found: RouteReading
        /// Its problem was reported.
        var isTold = false

        /// Why the router cannot choose the adapter.
        var routingProblem: String? {
            if let problem = found.problem { return problem.description }
            guard let definition = found.definition else { return nil }
            if definition.indexedTexts.isEmpty { return "it has no routing data: served by name, never chosen by the router" }
            return definition.isEnabled ? nil : "its routing is switched off: served by name only"
        }
    }

    /// By adapter.
    private(set) var readings: [String: Reading] = [:]
    private(set) var stamps: [String: FolderStamp] = [:]
    /// Texts that no adapter should answer.
    private(set) var negatives: [String] = []
    private var overrides: RouteOverrides?
    private var routesStamp: FolderStamp?
    /// Names in rules that no folder has, and what cannot be read; each is reported once.
    private var unknownNames: Set<String> = []
    private var keyProblems: [String: String] = [:]
    private var doubts: Set<String> = []

    // MARK: Reading

    /// Routing data of folders that changed since the last time, or that could not be read.
    mutating func read(_ statuses: [AdapterStatus], _ files: RouteFiles, _ refresh: inout AdapterLibrary.Refresh) {
        let isOverridden = readOverrides(files, &refresh)
        let names = Set(statuses.map(\.name))
        readings = readings.filter { names.contains($0.key) }
        stamps = stamps.filter { names.contains($0.key) }
        var changed: [AdapterStatus] = []
        for (status, stamp) in zip(statuses, Parallel.map(statuses) { Self.stamp($0.folder) }) {
            let isSame = stamp != nil && stamps[status.name] == stamp
            if let stamp { stamps[status.name] = stamp }
            if isSame, !isOverridden, let reading = readings[status.name], !reading.found.isWorthRetrying { continue }
            changed.append(status)
        }
        guard !changed.isEmpty, let overrides else { return }
        let last = readings
        let found = Parallel.map(changed) { status in
            files.read(
                adapter: status.name, folder: status.folder, overrides: overrides, names: names, last: last[status.name]?.found)
        }
        for (status, reading) in zip(changed, found) {
            let before = last[status.name]
            readings[status.name] = Reading(found: reading, isTold: before?.isTold == true && before?.found.problem == reading.problem)
        }
    }

    /// Whether what the routes folder says changed.
    private mutating func readOverrides(_ files: RouteFiles, _ refresh: inout AdapterLibrary.Refresh) -> Bool {
        let stamp = files.routesFolder.flatMap(Self.stamp)
        if let overrides, stamp == routesStamp, !overrides.isWorthRetrying { return false }
        routesStamp = stamp
        let read = files.overrides(after: overrides)
        let isChanged = read != overrides
        overrides = read
        // While the folder cannot be read, the last texts stay in force.
        guard read.isFolderKnown else { return isChanged }
        do throws(RoutingError) {
            negatives = try files.negatives()
        } catch {
            // The last texts stay in force here, too.
            if isChanged { refresh.routingProblems["routes/none.jsonl"] = error.description }
        }
        return isChanged
    }

    /// nil when the folder cannot be read: it is looked at again then.
    private static func stamp(_ folder: String) -> FolderStamp? {
        do throws(FileError) {
            return try FolderStamp(folder)
        } catch {
            // Reading the folder reports the reason.
            return nil
        }
    }

    // MARK: Results

    /// Adapters that not every caller may use, served or not.
    var restricted: [String: RouteAccess] { readings.compactMapValues { $0.found.access == .open ? nil : $0.found.access } }

    /// What the router is to know, by name. What a definition says beside its texts does not concern the index.
    func definitions(_ statuses: [AdapterStatus]) -> [RouteDefinition] {
        statuses.compactMap { readings[$0.name]?.found.definition }.sorted { $0.adapter < $1.adapter }.map { definition in
            var bare = definition
            bare.handling = RouteHandling()
            return bare
        }
    }

    private static let mostReasons = 20

    func condition(_ folder: AdapterFolderState) -> LibraryCondition {
        var condition = LibraryCondition()
        condition.adapters = folder.failure.map { "the adapters folder cannot be read: \($0)" }
        // While the folder above them is away, each adapter's own reason says nothing new.
        let own = folder.failure == nil ? readings.values.compactMap { $0.found.doubt?.description }.sorted() : []
        let reasons = (overrides?.doubts ?? []).map(\.description) + own
        condition.rules = Array(reasons.prefix(Self.mostReasons))
        if reasons.count > Self.mostReasons { condition.rules.append("and \(reasons.count - Self.mostReasons) more") }
        return condition
    }

    // MARK: Reports

    /// Problems with the data of adapters that are served, once each.
    mutating func tellProblems(_ statuses: [AdapterStatus], _ refresh: inout AdapterLibrary.Refresh) {
        for status in statuses {
            guard let reading = readings[status.name], let problem = reading.found.problem, !reading.isTold else { continue }
            refresh.routingProblems[status.name] = problem.description
            readings[status.name]?.isTold = true
        }
    }

    /// What cannot be read, once each, and that everything can be read again.
    mutating func tellDoubts(_ condition: LibraryCondition, _ refresh: inout AdapterLibrary.Refresh) {
        let now = Set(condition.rules)
        refresh.doubts = condition.rules.filter { !doubts.contains($0) }
        refresh.isCertainAgain = now.isEmpty && !doubts.isEmpty
        doubts = now
    }

    /// Rules about keys while the service asks for none, once each.
    mutating func tellKeyRules(_ refresh: inout AdapterLibrary.Refresh) {
        let problems = restricted.compactMapValues { access -> String? in
            if access.allow?.keys?.isEmpty == false { return "`allow` names keys: no caller can use the adapter" }
            return access.deny?.keys?.isEmpty == false ? "`deny` names keys: it refuses no caller" : nil
        }
        refresh.keyProblems = problems.filter { keyProblems[$0.key] != $0.value }
        keyProblems = problems
    }

    /// Rules and files without effect: most likely a misspelt name.
    mutating func tellUnknownNames(_ statuses: [AdapterStatus], defaultAdapter: String?, _ refresh: inout AdapterLibrary.Refresh) {
        let known = Set(statuses.map(\.name))
        var unknown: Set<String> = []
        func check(_ name: String?, _ key: String, of owner: String) {
            guard let name, name != "base", !known.contains(name) else { return }
            let problem = "`\(key)` names `\(name)`, which has no folder"
            tell(problem, owner)
        }
        func tell(_ problem: String, _ owner: String) {
            unknown.insert("\(owner): \(problem)")
            if !unknownNames.contains("\(owner): \(problem)") { refresh.ruleProblems.append((owner, problem)) }
        }
        for (file, problem) in (overrides?.withoutEffect ?? [:]).sorted(by: { $0.key < $1.key }) { tell(problem, "routes/\(file)") }
        for (file, adapter) in (overrides?.subjects ?? [:]).sorted(by: { $0.key < $1.key }) where !known.contains(adapter) {
            tell("it is about `\(adapter)`, which has no folder", "routes/\(file)")
        }
        for status in statuses {
            let handling = readings[status.name]?.found.definition?.handling
            check(handling?.canary?.adapter, "canary", of: status.name)
            check(handling?.defaultAdapter, "default_adapter", of: status.name)
        }
        check(defaultAdapter, "default-adapter", of: "settings")
        unknownNames = unknown
    }
}
