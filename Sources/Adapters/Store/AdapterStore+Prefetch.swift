internal import Dispatch

extension AdapterStore {
    /// Begins to bring an adapter into memory that a request is likely to want soon. Never waits, and never fails: why an adapter does
    /// not load is reported to the request.
    ///
    /// At most `limits.prefetches` are in flight, and they fit the budget together with all other loads; what is beyond that is left
    /// to the request (`AdapterCounters.skippedPrefetches`).
    public func prefetch(_ name: String) {
        guard withState({ $0.beginPrefetch(name, most: limits.prefetches) }) else { return }
        prefetches.async { [self] in
            // The request that follows reports the error.
            _ = try? preload(name)
            withState { $0.endPrefetch(name) }
        }
    }
}

extension StoreState {
    /// Whether a prefetch of that name is to be done now.
    mutating func beginPrefetch(_ name: String, most: Int) -> Bool {
        guard let entry = entries[name], entry.resident == nil, entry.ticket == nil, !prefetching.contains(name),
            case .ready(let description) = entry.finding
        else { return false }
        guard prefetching.count < most, promisedBytes + description.byteCount <= budgetBytes else {
            counters.skippedPrefetches += 1
            return false
        }
        prefetching.insert(name)
        counters.prefetches += 1
        return true
    }

    mutating func endPrefetch(_ name: String) { prefetching.remove(name) }
}
