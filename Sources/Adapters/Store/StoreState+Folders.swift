/// What is on disk.
extension StoreState {
    /// What `observe` leaves to its caller.
    struct Observation {
        /// Residents to release.
        var dropped: [Payload] = []
        /// New files of an adapter that is in memory: the caller must load them now. Until the load succeeds, the version in memory serves.
        var replacement: Load?
    }

    /// A scan looked at a folder and found it new or changed, or looks again at one that was not ready.
    mutating func observe(
        _ name: String, fingerprint: FolderFingerprint, finding: Finding, needsProbe: Bool = false, path: String? = nil, now: Int64 = 0
    ) -> Observation {
        var entry = entries[name] ?? Entry(fingerprint: fingerprint, finding: finding)
        let hasChanged = entry.fingerprint != fingerprint
        entry.fingerprint = fingerprint
        entry.finding = finding
        entry.needsProbe = needsProbe
        entry.path = path
        entry.note(finding, hasChanged: hasChanged, now: now)
        entries[name] = entry
        guard case .ready(let description) = finding, isOutdated(entry), entry.ticket == nil else { return Observation() }
        return Observation(replacement: load(name, description.byteCount))
    }

    /// Whether the listed resident was read from other files than those on disk.
    func isOutdated(_ entry: Entry) -> Bool {
        guard let resident = entry.resident.flatMap({ residents[$0] }) else { return false }
        return resident.fingerprint != entry.fingerprint && resident.scanned != entry.fingerprint
    }

    /// The folder is gone. Returns the residents to release.
    mutating func forget(_ name: String) -> [Payload] {
        guard let entry = entries.removeValue(forKey: name), let resident = entry.resident else { return [] }
        return unlist(resident)
    }

    /// New requests do not get what is in memory; the folder is served from its files, as before.
    mutating func drop(_ name: String) -> [Payload] {
        guard let resident = entries[name]?.resident else { return [] }
        entries[name]?.resident = nil
        return unlist(resident)
    }

    mutating func unlist(_ number: Int) -> [Payload] {
        residents[number]?.isListed = false
        guard let resident = residents[number], resident.pins == 0 else { return [] }
        residents[number] = nil
        return [resident.payload]
    }

    // MARK: What a person should know

    /// What is newly wrong with a folder.
    enum Complaint: Sendable, Equatable {
        /// Its files cannot be used; an older version serves from memory.
        case kept(AdapterError)
        /// Nothing serves, and the files have not changed for a while, or cannot be read at all.
        case stalled(AdapterError)
    }

    /// How long files have to stay as they are before a problem with them is reported; nanoseconds.
    struct Patience {
        /// Files that end too early: a copy may be going on.
        var arrival: Int64
        /// All others.
        var rest: Int64

        init(_ limits: AdapterLimits) {
            arrival = Int64(limits.arrivalMilliseconds) * 1_000_000
            rest = Int64(limits.settleMilliseconds) * 1_000_000
        }

        func end(_ wait: Wait, _ error: AdapterError) -> Int64 { wait.changed + (error.code == .notReady ? arrival : rest) }
    }

    /// What has to be reported of a folder now; nil when nothing is wrong, when it was reported before, and when its files may still
    /// be arriving.
    mutating func complaint(_ name: String, patience: Patience, now: Int64) -> Complaint? {
        guard let entry = entries[name], var wait = entry.wait, let error = entry.finding.reason, wait.reported != error else { return nil }
        guard now >= patience.end(wait, error) else { return nil }
        wait.reported = error
        entries[name]?.wait = wait
        if let resident = entry.resident.flatMap({ residents[$0] }) { return .kept(error.keeping(resident.version)) }
        // A scan reports what it rejects when it finds it.
        if case .rejected = entry.finding { return nil }
        return .stalled(error)
    }

    /// When `complaint` may have something to say of a folder that waits for its files; nil when none does.
    func nextComplaint(patience: Patience) -> Int64? {
        entries.values.compactMap { entry in
            guard let wait = entry.wait, let error = entry.finding.reason, wait.reported != error else { return nil }
            return patience.end(wait, error)
        }.min()
    }
}

extension StoreState.Entry {
    /// Keeps how long the files have been unusable.
    mutating func note(_ finding: StoreState.Finding, hasChanged: Bool, now: Int64) {
        switch finding {
        case .ready(let description):
            self.description = description
            wait = nil
        case .settling: break
        case .notReady, .rejected:
            if wait == nil { wait = StoreState.Wait(since: now, changed: now) }
            if hasChanged { wait?.changed = now }
        }
    }
}

extension StoreState.Finding {
    /// What an error says about a folder.
    init(_ error: AdapterError) { self = error.isTransient ? .notReady(error) : .rejected(error) }

    /// Why the files cannot be used.
    var reason: AdapterError? {
        switch self {
        case .ready, .settling: nil
        case .notReady(let error), .rejected(let error): error
        }
    }
}

extension AdapterError {
    /// The same about new files, while an older version serves.
    func keeping(_ version: String) -> AdapterError {
        var error = self
        error.message = "version \(version) goes on serving from memory; the new files: \(message)"
        return error
    }
}
