extension StoreState {
    func statuses(folder: String) -> [AdapterStatus] {
        let pins = pinsByName()
        return entries.keys.sorted().compactMap { status($0, folder: folder, pins: pins) }
    }

    func status(_ name: String, folder: String) -> AdapterStatus? {
        status(name, folder: folder, pins: pinsByName())
    }

    private func status(_ name: String, folder: String, pins: [String: Int]) -> AdapterStatus? {
        guard let entry = entries[name] else { return nil }
        let resident = entry.resident.flatMap { residents[$0] }
        var status = AdapterStatus(
            name: name, state: .ready, summary: entry.description?.summary,
            byteCount: resident?.byteCount ?? entry.description?.byteCount ?? 0,
            hasChatTemplate: entry.description?.hasChatTemplate ?? false,
            version: resident?.version ?? entry.currentVersion, requestsServed: entry.requestsServed, pins: pins[name] ?? 0,
            folder: entry.path ?? "\(folder)/\(name)")
        status.unusableSince = entry.wait.map { Int($0.since / 1_000_000_000) }
        switch (entry.finding, resident) {
        case (.ready, let resident?):
            status.state = .resident
            if isOutdated(entry) {
                status.pendingReplacement = AdapterError(.notReady, "its new files are being loaded", adapter: name).keeping(resident.version)
            }
        case (.ready, nil): status.state = entry.ticket == nil ? .ready : .loading
        case (.settling, let resident?):
            status.state = .resident
            status.pendingReplacement = AdapterError.settling(name).keeping(resident.version)
        case (.settling, nil):
            // A request waits for the moment that is missing.
            status.state = entry.servedBefore ? .ready : .notReady(.settling(name))
            status.pendingReplacement = entry.servedBefore ? .settling(name) : nil
        case (.notReady(let error), let resident?), (.rejected(let error), let resident?):
            status.state = .stale(error.keeping(resident.version))
            status.pendingReplacement = error
        case (.notReady(let error), nil): status.state = .notReady(error)
        case (.rejected(let error), nil): status.state = .rejected(error)
        }
        return status
    }

    /// What new requests for an adapter get, if it is in memory.
    func listed(_ name: String) -> Payload? { entries[name]?.resident.flatMap { residents[$0]?.payload } }

    private func pinsByName() -> [String: Int] {
        var pins: [String: Int] = [:]
        for resident in residents.values where resident.pins > 0 { pins[resident.name, default: 0] += resident.pins }
        return pins
    }

    var currentCounters: AdapterCounters {
        var counters = counters
        counters.residentAdapters = residents.count
        counters.residentBytes = residentBytes
        counters.pinnedAdapters = residents.values.count { $0.pins > 0 }
        return counters
    }
}

extension StoreState.Entry {
    /// The version of the files as they are, where it is known.
    fileprivate var currentVersion: String? {
        version.flatMap { $0.fingerprint == fingerprint ? $0.version : nil }
    }
}

extension AdapterError {
    /// The files look whole, but so does a file whose size was set before its bytes were.
    static func settling(_ name: String) -> AdapterError {
        AdapterError(.notReady, "its files changed a moment ago; they may still be being copied", adapter: name)
    }
}
