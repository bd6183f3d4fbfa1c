/// Puts sequences into rows of a token budget, so that as few rows as possible are needed: best-fit decreasing (Ding et al. 2024, "Fewer
/// Truncations Improve Language Modeling"; TRL's `bfd`).
///
/// The longest sequence comes first, of equal ones that with the lower index. Each goes into the row in which the least room stays, of
/// equal rows into the one that has had this room for the longest time, or else into a new row. So the result depends on the lengths and
/// their order only.
public enum SequencePacking {
    /// Tokens of a row at most.
    public static let largestBudget = 1 << 22

    /// The rows, in the order in which they were begun, each with the indices of its sequences, the longest first.
    ///
    /// - Parameter lengths: tokens; sequences without tokens are in no row.
    /// Errors: `invalidSetting` for a budget out of range, `limitExceeded` for a sequence that is longer than the budget.
    /// Cost: `O(n log n + n log budget)`.
    public static func rows(lengths: [Int], budget: Int) throws(TuningError) -> [[Int]] {
        guard (1...largestBudget).contains(budget) else {
            throw TuningError(.invalidSetting, "expected a budget of 1 to \(largestBudget) tokens, found \(budget)")
        }
        if let long = lengths.first(where: { $0 > budget }) {
            throw TuningError(.limitExceeded, "a sequence of \(long) tokens does not fit into a row of \(budget)")
        }
        var rows: [[Int]] = []
        var rooms = Rooms(budget: budget)
        let order = lengths.indices.filter { lengths[$0] > 0 }.sorted { (lengths[$1], $0) < (lengths[$0], $1) }
        for sequence in order {
            let length = lengths[sequence]
            if let (row, room) = rooms.take(atLeast: length) {
                rows[row].append(sequence)
                rooms.put(row, room: room - length)
            } else {
                rows.append([sequence])
                rooms.put(rows.count - 1, room: budget - length)
            }
        }
        return rows
    }
}

/// Rows by the tokens that still fit into them.
private struct Rooms {
    /// For each room the rows that have it, and how many of them were taken.
    private var rows: [Int: (rows: [Int], taken: Int)] = [:]
    /// A tree over rooms: whether a row has one of those below a node. The leaves begin at `leaves`.
    private var isUsed: [Bool]
    private let leaves: Int

    init(budget: Int) {
        var leaves = 1
        while leaves <= budget { leaves *= 2 }
        self.leaves = leaves
        isUsed = [Bool](repeating: false, count: 2 * leaves)
    }

    mutating func put(_ row: Int, room: Int) {
        guard room > 0 else { return }
        rows[room, default: ([], 0)].rows.append(row)
        mark(room, true)
    }

    /// The row with the least room of at least so many tokens, which is given out.
    mutating func take(atLeast room: Int) -> (row: Int, room: Int)? {
        guard let found = smallest(atLeast: room), var queue = rows[found] else { return nil }
        let row = queue.rows[queue.taken]
        queue.taken += 1
        rows[found] = queue.taken == queue.rows.count ? nil : queue
        if queue.taken == queue.rows.count { mark(found, false) }
        return (row, found)
    }

    private mutating func mark(_ room: Int, _ value: Bool) {
        var node = leaves + room
        isUsed[node] = value
        while node > 1 {
            node /= 2
            isUsed[node] = isUsed[2 * node] || isUsed[2 * node + 1]
        }
    }

    private func smallest(atLeast room: Int) -> Int? {
        var node = leaves + room
        if isUsed[node] { return room }
        // Up to the first right neighbour that holds one, then down to its leftmost.
        while node > 1, node % 2 == 1 || !isUsed[node + 1] { node /= 2 }
        guard node > 1 else { return nil }
        node += 1
        while node < leaves { node = isUsed[2 * node] ? 2 * node : 2 * node + 1 }
        return node - leaves
    }
}
