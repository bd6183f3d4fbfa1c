/// The memory and the cache for merging words, used again from word to word.
///
/// `@unchecked Sendable`: one call of `encode` owns it at a time. `WordMergers` hands it out and takes it back
/// under a lock; its test of concurrent calls would show a breach.
final class WordMerger: @unchecked Sendable {
    /// Up to so many symbols the best pair is looked for in all of them.
    static let longestScan = 48

    var cache = WordCache()
    /// The word's tokens before merging, without an entry for bytes that have none.
    var symbols: [Int32] = []
    /// What each symbol and the next one merge into.
    private var pairs: [MergeTable.Merge] = []
    /// Long words: neighbours of each symbol (-1 is none), and a binary heap of `rank << 40 | place`.
    private var previous: [Int] = []
    private var next: [Int] = []
    private var heap: [UInt64] = []

    func begin(_ capacity: Int) {
        symbols.removeAll(keepingCapacity: true)
        symbols.reserveCapacity(capacity)
    }

    /// Appends the symbols that are left when no two neighbours merge any more. The pair of the lowest rank merges first, of
    /// equal ones the leftmost.
    func mergeAll(_ table: MergeTable, into ids: inout [Int32]) {
        if symbols.count <= Self.longestScan {
            mergeByScan(table)
            ids += symbols
        } else {
            mergeByHeap(table)
            for symbol in symbols where symbol >= 0 { ids.append(symbol) }
        }
    }

    /// Whether it is worth keeping: not after a word so long that its memory would be a burden.
    var isSmall: Bool { symbols.capacity <= 1 << 16 && heap.capacity <= 1 << 16 }

    private func mergeByScan(_ table: MergeTable) {
        var count = symbols.count
        guard count > 1 else { return }
        pairs.removeAll(keepingCapacity: true)
        for index in 0..<count - 1 { pairs.append(table.merge(of: symbols[index], with: symbols[index + 1])) }
        symbols.withUnsafeMutableBufferPointer { symbols in
            pairs.withUnsafeMutableBufferPointer { pairs in
                while count > 1 {
                    var best = 0
                    for index in 1..<max(1, count - 1) where pairs[index].rank < pairs[best].rank { best = index }
                    let merge = pairs[best]
                    if merge == .none { break }
                    symbols[best] = merge.token
                    count -= 1
                    for index in best + 1..<max(best + 1, count) { symbols[index] = symbols[index + 1] }
                    for index in best..<max(best, count - 1) { pairs[index] = pairs[index + 1] }
                    if best + 1 < count { pairs[best] = table.merge(of: symbols[best], with: symbols[best + 1]) }
                    if best > 0 { pairs[best - 1] = table.merge(of: symbols[best - 1], with: symbols[best]) }
                }
            }
        }
        symbols.removeSubrange(count...)
    }

    /// Merged symbols become -1.
    private func mergeByHeap(_ table: MergeTable) {
        let count = symbols.count
        previous = Array(-1..<count - 1)
        next = Array(1..<count) + [-1]
        heap.removeAll(keepingCapacity: true)
        for place in 0..<count - 1 { push(place, table) }
        while let top = popHeap() {
            let place = Int(top & (1 << 40 - 1))
            guard symbols[place] >= 0, next[place] >= 0 else { continue }
            let right = next[place]
            let merge = table.merge(of: symbols[place], with: symbols[right])
            // A pair that changed since it was pushed has another rank, and an entry of its own.
            guard merge != .none, UInt64(merge.rank) == top >> 40 else { continue }
            symbols[place] = merge.token
            symbols[right] = -1
            next[place] = next[right]
            if next[right] >= 0 { previous[next[right]] = place }
            push(place, table)
            if previous[place] >= 0 { push(previous[place], table) }
        }
    }

    private func push(_ place: Int, _ table: MergeTable) {
        guard next[place] >= 0 else { return }
        let merge = table.merge(of: symbols[place], with: symbols[next[place]])
        guard merge != .none else { return }
        heap.append(UInt64(merge.rank) << 40 | UInt64(place))
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private func popHeap() -> UInt64? {
        guard let top = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return top }
        heap[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < heap[parent] else { break }
            heap.swapAt(child, parent)
            parent = child
        }
        return top
    }
}
