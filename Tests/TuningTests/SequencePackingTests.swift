import Testing

@testable import Tuning

@Suite("Sequence packing")
struct SequencePackingTests {
    @Test("the longest goes first, each into the row where the least room stays, equal ones by their index")
    func bestFit() throws {
        // Rows: 7 + 3, 6 + 4, then 4 in a row of its own, and 2 into that with the least room that fits it.
        #expect(try SequencePacking.rows(lengths: [4, 7, 2, 6, 4, 3], budget: 10) == [[1, 5], [3, 0], [4, 2]])
        // Two rows with equal room: that which has had it longer.
        #expect(try SequencePacking.rows(lengths: [8, 8, 2, 2], budget: 10) == [[0, 2], [1, 3]])
        #expect(try SequencePacking.rows(lengths: [], budget: 10) == [])
        #expect(try SequencePacking.rows(lengths: [0, 1], budget: 1) == [[1]])
    }

    @Test("a sequence beyond the budget and a budget out of range are refused")
    func refused() throws {
        #expect(try SequencePacking.rows(lengths: [10], budget: 10) == [[0]])
        let long = try #require(throws: TuningError.self) { try SequencePacking.rows(lengths: [3, 11], budget: 10) }
        #expect(long.code == .limitExceeded && long.message.contains("11"))
        for budget in [0, -1, SequencePacking.largestBudget + 1] {
            #expect(throws: TuningError.self) { try SequencePacking.rows(lengths: [1], budget: budget) }
        }
    }

    @Test("whatever the lengths, each sequence is in one row, no row is over the budget and the result is best-fit decreasing")
    func random() throws {
        for seed in 0..<UInt64(60) {
            var draw = Permutation(seed: seed, stream: 1)
            let budget = 1 + draw.order(100)[0]
            let lengths = (0..<draw.order(80)[0]).map { _ in draw.order(budget + 1)[0] }
            let rows = try SequencePacking.rows(lengths: lengths, budget: budget)
            #expect(rows == naive(lengths, budget), "seed \(seed)")
            #expect(rows.flatMap(\.self).sorted() == lengths.indices.filter { lengths[$0] > 0 }, "seed \(seed)")
            #expect(rows.allSatisfy { $0.reduce(0) { $0 + lengths[$1] } <= budget }, "seed \(seed)")
        }
    }

    /// The same by looking at all rows each time.
    private func naive(_ lengths: [Int], _ budget: Int) -> [[Int]] {
        var rows: [(members: [Int], room: Int, since: Int)] = []
        var time = 0
        for index in lengths.indices.filter({ lengths[$0] > 0 }).sorted(by: { (-lengths[$0], $0) < (-lengths[$1], $1) }) {
            time += 1
            let best = rows.indices.filter { rows[$0].room >= lengths[index] }
                .min { (rows[$0].room, rows[$0].since) < (rows[$1].room, rows[$1].since) }
            if let best {
                rows[best].members.append(index)
                rows[best].room -= lengths[index]
                rows[best].since = time
            } else {
                rows.append(([index], budget - lengths[index], time))
            }
        }
        return rows.map(\.members)
    }
}
