import Synchronization

/// The idle mergers of a tokenizer, each with its cache; as many as calls ran at once, at most four. Thread-safe.
final class WordMergers: Sendable {
    private let idle = Mutex<[WordMerger]>([])
    private static let kept = 4

    /// Runs `body` with a merger that no other call uses meanwhile.
    func withMerger(_ body: (WordMerger) -> Void) {
        let merger = idle.withLock { $0.popLast() } ?? WordMerger()
        body(merger)
        if merger.isSmall {
            idle.withLock { if $0.count < Self.kept { $0.append(merger) } }
        }
    }
}
