/// What is on disk, what is in memory and who holds it, as a plain value: no files, no locks, no threads. Each operation
/// answers what its caller has to do or to let go of.
///
/// Words: an *entry* is a folder; a *resident* is one version in memory. The resident that an entry points at is *listed*:
/// new requests get it. One that no entry points at was replaced or removed, and goes with its last pin. An entry whose
/// folder is not whole yet keeps its old resident listed: a copy over a served folder fails no request.
///
/// `Payload` is what a resident holds; tests use numbers.
struct StoreState<Payload: Sendable>: Sendable {
    enum Finding: Sendable {
        case ready(Description)
        case notReady(AdapterError)
        case rejected(AdapterError)
    }

    struct Description: Sendable, Equatable {
        var summary: AdapterSummary
        var byteCount: Int
        var hasChatTemplate: Bool
    }

    struct Entry: Sendable {
        var fingerprint: FolderFingerprint
        var finding: Finding
        /// Of its folder; nil where nobody said.
        var path: String?
        /// Looked at again by the next scan, changed or not.
        var needsProbe = false
        /// The listed resident.
        var resident: Int?
        /// The load in flight.
        var ticket: Int?
        /// Of the newest files that were loaded, with their fingerprint.
        var version: (fingerprint: FolderFingerprint, version: String)?
        var requestsServed = 0
        /// Of the last files that were whole.
        var description: Description?
        /// It could be served once, in this version or an earlier one.
        var servedBefore: Bool { description != nil }
    }

    struct Resident: Sendable {
        let name: String
        let payload: Payload
        let version: String
        let byteCount: Int
        var pins = 0
        var lastUse = 0
        var isListed: Bool
    }

    /// A load that the caller has to do and to `finish`.
    struct Load: Sendable {
        let name: String
        let ticket: Int
        let byteCount: Int
        let fingerprint: FolderFingerprint
        let knownVersion: (fingerprint: FolderFingerprint, version: String)?
    }

    struct Loaded: Sendable {
        var payload: Payload
        var version: String
        var byteCount: Int
        var fingerprint: FolderFingerprint
    }

    enum Acquired: Sendable {
        case pinned(resident: Int, Payload)
        case load(Load)
        /// Somebody else is loading it.
        case wait(ticket: Int)
        case unknown
        case refused(AdapterError)
    }

    let budgetBytes: Int
    private(set) var entries: [String: Entry] = [:]
    private(set) var residents: [Int: Resident] = [:]
    private(set) var counters = AdapterCounters()
    private var loads: [Int: Load] = [:]
    private var lastNumber = 0
    private var clock = 0

    init(budgetBytes: Int) { self.budgetBytes = budgetBytes }

    var residentBytes: Int { residents.values.reduce(0) { $0 + $1.byteCount } }
    /// Of loads in flight.
    private var promisedBytes: Int { loads.values.reduce(0) { $0 + $1.byteCount } }

    // MARK: What is on disk

    /// A scan looked at a folder. Answers the residents to let go of.
    mutating func observe(
        _ name: String, fingerprint: FolderFingerprint, finding: Finding, needsProbe: Bool = false, path: String? = nil
    ) -> [Payload] {
        var entry = entries[name] ?? Entry(fingerprint: fingerprint, finding: finding)
        entry.fingerprint = fingerprint
        entry.finding = finding
        if case .ready(let description) = finding { entry.description = description }
        entry.needsProbe = needsProbe
        entry.path = path
        let old = entry.resident
        switch finding {
        case .notReady: break
        case .rejected: entry.resident = nil
        // A load may have seen these files before the scan did.
        case .ready: if entry.version?.fingerprint != fingerprint { entry.resident = nil }
        }
        entries[name] = entry
        guard let old, entry.resident == nil else { return [] }
        return unlist(old)
    }

    /// The folder is gone.
    mutating func forget(_ name: String) -> [Payload] {
        guard let entry = entries.removeValue(forKey: name), let resident = entry.resident else { return [] }
        return unlist(resident)
    }

    /// Nobody shall get what is in memory any more; the folder is served as before, from its files.
    mutating func drop(_ name: String) -> [Payload] {
        guard let resident = entries[name]?.resident else { return [] }
        entries[name]?.resident = nil
        return unlist(resident)
    }

    private mutating func unlist(_ number: Int) -> [Payload] {
        residents[number]?.isListed = false
        guard let resident = residents[number], resident.pins == 0 else { return [] }
        residents[number] = nil
        return [resident.payload]
    }

    // MARK: Who holds what

    /// A request wants an adapter. `counted`: it is served one more request. Answers also the residents to let go of.
    mutating func acquire(_ name: String, counted: Bool = true) -> (Acquired, dropped: [Payload]) {
        guard let entry = entries[name] else { return (.unknown, []) }
        if let number = entry.resident, let payload = pin(number, counted: counted) {
            return (.pinned(resident: number, payload), [])
        }
        if let ticket = entry.ticket { return (.wait(ticket: ticket), []) }
        switch entry.finding {
        case .notReady(let error), .rejected(let error): return (.refused(error), [])
        case .ready(let description):
            let load = Load(
                name: name, ticket: nextNumber(), byteCount: description.byteCount, fingerprint: entry.fingerprint,
                knownVersion: entry.version)
            // Room is made before the load, so that the peak stays within the budget.
            loads[load.ticket] = load
            entries[name]?.ticket = load.ticket
            return (.load(load), evict())
        }
    }

    private mutating func pin(_ number: Int, counted: Bool) -> Payload? {
        guard var resident = residents[number] else { return nil }
        clock += 1
        resident.pins += 1
        resident.lastUse = clock
        residents[number] = resident
        if counted {
            counters.requestsServed += 1
            entries[resident.name]?.requestsServed += 1
        }
        return resident.payload
    }

    /// A load ended well: whoever loaded it holds it, whatever has happened to the folder. Answers the resident.
    mutating func finish(
        _ load: Load, loaded: Loaded, milliseconds: Double, counted: Bool = true
    ) -> (resident: Int, dropped: [Payload]) {
        counters.loads += 1
        counters.loadMilliseconds += milliseconds
        loads[load.ticket] = nil
        let number = nextNumber()
        var isListed = false
        var dropped: [Payload] = []
        if var entry = entries[load.name], entry.ticket == load.ticket {
            entry.ticket = nil
            // Without a scan since, the load saw the files later than the last one did: the next will agree with it.
            let isCurrent = entry.fingerprint == load.fingerprint || entry.fingerprint == loaded.fingerprint
            if isCurrent { entry.version = (loaded.fingerprint, loaded.version) }
            if case .ready = entry.finding, isCurrent { isListed = true }
            if case .notReady = entry.finding, entry.resident == nil { isListed = true }
            if isListed {
                let old = entry.resident
                entry.resident = number
                if let old { dropped += unlist(old) }
            }
            entries[load.name] = entry
        }
        residents[number] = Resident(
            name: load.name, payload: loaded.payload, version: loaded.version, byteCount: loaded.byteCount, isListed: isListed)
        _ = pin(number, counted: counted)
        return (number, dropped + evict())
    }

    /// A load failed. An error that waiting can cure leaves the folder to the next scan.
    mutating func fail(_ load: Load, _ error: AdapterError) {
        counters.failedLoads += 1
        loads[load.ticket] = nil
        guard var entry = entries[load.name], entry.ticket == load.ticket else { return }
        entry.ticket = nil
        if entry.fingerprint == load.fingerprint {
            entry.needsProbe = error.isTransient
            entry.finding = error.isTransient ? .notReady(error) : .rejected(error)
        }
        entries[load.name] = entry
    }

    /// A request is done with its resident.
    mutating func release(_ number: Int) -> [Payload] {
        guard var resident = residents[number] else { return [] }
        precondition(resident.pins > 0, "a resident is released as often as it was pinned")
        resident.pins -= 1
        residents[number] = resident
        if !resident.isListed && resident.pins == 0 {
            residents[number] = nil
            return [resident.payload]
        }
        return evict()
    }

    /// Lets go of what is held by nobody, longest unused first, until memory and promises fit the budget. What serves
    /// while its folder is being replaced goes last: it could not be read again. Pinned residents may exceed the budget.
    private mutating func evict() -> [Payload] {
        var dropped: [Payload] = []
        var excess = residentBytes + promisedBytes - budgetBytes
        guard excess > 0 else { return [] }
        let idle = residents.filter { $0.value.pins == 0 }
            .sorted { (isIrreplaceable($0.value) ? 1 : 0, $0.value.lastUse) < (isIrreplaceable($1.value) ? 1 : 0, $1.value.lastUse) }
        for (number, resident) in idle where excess > 0 {
            residents[number] = nil
            entries[resident.name]?.resident = nil
            counters.evictions += 1
            excess -= resident.byteCount
            dropped.append(resident.payload)
        }
        return dropped
    }

    private func isIrreplaceable(_ resident: Resident) -> Bool {
        if case .notReady = entries[resident.name]?.finding { true } else { false }
    }

    private mutating func nextNumber() -> Int {
        lastNumber += 1
        return lastNumber
    }
}
