internal import Dispatch
internal import Synchronization

/// Independent pieces of work on the system's threads and the caller's. For loading and scanning, not for steps.
///
/// When no other thread is free the caller does all pieces, so work that waits for other such work always ends.
public enum Parallel {
    /// More would take cores from the requests that run.
    public static let threads = min(4, UsableCPUs.count)

    /// Calls `body` with pieces of `0..<count`, each index in one of them.
    public static func forEach(_ count: Int, threads: Int = Parallel.threads, piece: Int = 1, _ body: @Sendable (Range<Int>) -> Void) {
        let next = Atomic(0)
        let pieces = (count + piece - 1) / piece
        guard pieces > 1, threads > 1 else {
            if count > 0 { body(0..<count) }
            return
        }
        DispatchQueue.concurrentPerform(iterations: min(threads, pieces)) { _ in
            while true {
                let start = next.add(1, ordering: .relaxed).oldValue * piece
                guard start < count else { return }
                body(start..<min(start + piece, count))
            }
        }
    }

    /// In the order of the items.
    public static func map<Item: Sendable, Result: Sendable>(
        _ items: [Item], piece: Int = 8, _ body: @Sendable (Item) -> Result
    ) -> [Result] {
        let results = Mutex([Result?](repeating: nil, count: items.count))
        forEach(items.count, piece: piece) { range in
            let part = items[range].map(body)
            results.withLock { results in
                for (index, result) in zip(range, part) { results[index] = result }
            }
        }
        return results.withLock { $0 }.compactMap { $0 }
    }
}
