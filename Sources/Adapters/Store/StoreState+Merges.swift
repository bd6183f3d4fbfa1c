/// Merges of several adapters that were made a while ago: residents without a folder, found by their version.
extension StoreState {
    /// The most merges that are kept for further requests.
    static var mostMerges: Int { 16 }

    struct Merge: Sendable {
        var resident: Int?
        /// The merge in the making.
        var ticket: Int?
    }

    /// A request wants a merge. Its parts are pinned.
    ///
    /// `byteCount`: what making it takes in memory, the result included. Also returns the residents to release.
    mutating func acquireMerge(_ version: String, name: String, byteCount: Int) -> (Acquired, dropped: [Payload]) {
        let merge = merges[version] ?? Merge()
        if let number = merge.resident, let payload = pin(number, counted: false) { return (.pinned(resident: number, payload), []) }
        if let ticket = merge.ticket { return (.wait(ticket: ticket), []) }
        guard byteCount <= budgetBytes else {
            return (
                .refused(
                    AdapterError(.limitExceeded, "merging them takes \(byteCount) bytes; all adapters together have \(budgetBytes)", adapter: name)), []
            )
        }
        let load = Load(name: name, ticket: nextNumber(), byteCount: byteCount, fingerprint: FolderFingerprint(), knownVersion: nil)
        loads[load.ticket] = load
        merges[version] = Merge(ticket: load.ticket)
        return (.load(load), evict())
    }

    /// A merge is made: its caller holds it. Returns the resident, and the residents to release.
    mutating func finishMerge(_ load: Load, loaded: Loaded) -> (resident: Int, dropped: [Payload]) {
        loads[load.ticket] = nil
        let number = nextNumber()
        merges[loaded.version] = Merge(resident: number)
        residents[number] = Resident(
            name: load.name, payload: loaded.payload, version: loaded.version, byteCount: loaded.byteCount,
            fingerprint: loaded.fingerprint, scanned: loaded.fingerprint, isMerge: true, isListed: true)
        _ = pin(number, counted: false)
        return (number, evictMerges() + evict())
    }

    mutating func failMerge(_ load: Load, version: String) {
        loads[load.ticket] = nil
        merges[version] = nil
    }

    /// Beyond the number that is kept, those that no request holds leave, longest unused first.
    private mutating func evictMerges() -> [Payload] {
        let own = residents.filter(\.value.isMerge)
        let idle = own.filter { $0.value.pins == 0 }.sorted { $0.value.lastUse < $1.value.lastUse }
        return idle.prefix(max(0, own.count - Self.mostMerges)).map { drop($0.key, $0.value) }
    }
}
