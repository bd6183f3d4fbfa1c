/// Which requests hold what.
extension StoreState {
    /// A request wants an adapter. `counted`: it is served one more request. Also returns the residents to release.
    mutating func acquire(_ name: String, counted: Bool = true) -> (Acquired, dropped: [Payload]) {
        guard let entry = entries[name] else { return (.unknown, []) }
        if let number = entry.resident, let payload = pin(number, counted: counted) {
            guard case .ready(let description) = entry.finding, isOutdated(entry), entry.ticket == nil else {
                return (.pinned(resident: number, payload), [])
            }
            return (.replace(load(name, description.byteCount), fallback: number, payload), evict())
        }
        if let ticket = entry.ticket { return (.wait(ticket: ticket), []) }
        switch entry.finding {
        case .settling: return (.settling, [])
        case .notReady(let error), .rejected(let error): return (.refused(error), [])
        // Room is made before the load, so that the peak stays within the budget.
        case .ready(let description): return (.load(load(name, description.byteCount)), evict())
        }
    }

    /// Begins a load.
    mutating func load(_ name: String, _ byteCount: Int) -> Load {
        let entry = entries[name]
        let load = Load(
            name: name, ticket: nextNumber(), byteCount: byteCount, fingerprint: entry?.fingerprint ?? FolderFingerprint(),
            knownVersion: entry?.version)
        loads[load.ticket] = load
        entries[name]?.ticket = load.ticket
        return load
    }

    mutating func pin(_ number: Int, counted: Bool) -> Payload? {
        guard var resident = residents[number] else { return nil }
        resident.pins += 1
        resident.lastUse = nextUse()
        residents[number] = resident
        if counted {
            counters.requestsServed += 1
            entries[resident.name]?.requestsServed += 1
        }
        return resident.payload
    }

    /// A load ended well: its caller holds the result, whatever has happened to the folder. Returns the resident.
    ///
    /// New requests get it, too, unless the folder was removed: what was whole when it was read is better than nothing, and newer
    /// than the resident before it.
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
            // The load may have seen the files later than the last scan did: the next scan will agree with it.
            if entry.fingerprint == load.fingerprint || entry.fingerprint == loaded.fingerprint {
                entry.version = (loaded.fingerprint, loaded.version)
            }
            isListed = true
            let old = entry.resident
            entry.resident = number
            entries[load.name] = entry
            if let old { dropped += unlist(old) }
        }
        residents[number] = Resident(
            name: load.name, payload: loaded.payload, version: loaded.version, byteCount: loaded.byteCount,
            fingerprint: loaded.fingerprint, scanned: load.fingerprint, isListed: isListed)
        _ = pin(number, counted: counted)
        return (number, dropped + evict())
    }

    /// A load failed. An error that waiting can cure leaves the folder to the next scan; one that says nothing about the folder
    /// changes nothing.
    mutating func fail(_ load: Load, _ error: AdapterError, now: Int64 = 0) {
        counters.failedLoads += 1
        loads[load.ticket] = nil
        guard var entry = entries[load.name], entry.ticket == load.ticket else { return }
        entry.ticket = nil
        if entry.fingerprint == load.fingerprint, error.code != .unavailable {
            entry.needsProbe = error.isTransient
            entry.finding = Finding(error)
            entry.note(entry.finding, hasChanged: true, now: now)
        }
        entries[load.name] = entry
    }

    /// A request is done with its resident. Returns the residents to release.
    mutating func release(_ number: Int) -> [Payload] {
        guard var resident = residents[number] else { return [] }
        precondition(resident.pins > 0, "a resident was released more often than it was pinned")
        resident.pins -= 1
        residents[number] = resident
        if !resident.isListed && resident.pins == 0 {
            residents[number] = nil
            return [resident.payload]
        }
        return evict()
    }

    /// Lets go of residents that no request holds, longest unused first, until memory and promises fit the budget. Pinned residents
    /// may exceed it. Kept residents stay as long as all of them fit the budget together.
    mutating func evict() -> [Payload] {
        let idle = residents.filter { $0.value.pins == 0 }.sorted { $0.value.lastUse < $1.value.lastUse }
        let kept = idle.filter { isKept($0.value) }
        var excess = residentBytes + promisedBytes - budgetBytes
        var keptExcess = kept.reduce(0) { $0 + $1.value.byteCount } - budgetBytes
        guard excess > 0 || keptExcess > 0 else { return [] }
        var dropped: [Payload] = []
        for (number, resident) in idle where excess > 0 && !isKept(resident) {
            dropped.append(drop(number, resident))
            excess -= resident.byteCount
        }
        for (number, resident) in kept where keptExcess > 0 {
            dropped.append(drop(number, resident))
            keptExcess -= resident.byteCount
        }
        return dropped
    }

    mutating func drop(_ number: Int, _ resident: Resident) -> Payload {
        residents[number] = nil
        if resident.isMerge { merges[resident.version] = nil } else { entries[resident.name]?.resident = nil }
        counters.evictions += 1
        return resident.payload
    }

    /// Listed, and its files could not be read again: they differ, or are not known to be sound.
    func isKept(_ resident: Resident) -> Bool {
        guard resident.isListed, !resident.isMerge, let entry = entries[resident.name] else { return false }
        if case .ready = entry.finding { return isOutdated(entry) }
        return true
    }
}
