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
            name: name, state: .ready, pendingReplacement: nil, summary: entry.description?.summary,
            byteCount: resident?.byteCount ?? entry.description?.byteCount ?? 0,
            hasChatTemplate: entry.description?.hasChatTemplate ?? false,
            version: resident?.version ?? entry.currentVersion, requestsServed: entry.requestsServed, pins: pins[name] ?? 0,
            folder: entry.path ?? "\(folder)/\(name)")
        switch (entry.finding, resident) {
        case (.notReady(let error), .some):
            status.state = .resident
            status.pendingReplacement = error
        case (.notReady(let error), nil): status.state = .notReady(error)
        case (.rejected(let error), _): status.state = .rejected(error)
        case (.ready, .some): status.state = .resident
        case (.ready, nil): status.state = entry.ticket == nil ? .ready : .loading
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
