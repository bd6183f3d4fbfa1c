import Testing

@testable import Inference

@Suite("Speculation")
struct SpeculationTests {
    private func naive(_ tokens: [Int32]) -> (start: Int, length: Int)? {
        var best: (start: Int, length: Int)?
        for end in stride(from: tokens.count - 2, through: 1, by: -1) {
            var length = 0
            while length < PromptLookup.longestMatch, length <= end, tokens[end - length] == tokens[tokens.count - 1 - length] {
                length += 1
            }
            if length >= 2, length > best?.length ?? 0 { best = (end + 1, length) }
        }
        return best
    }

    @Test("a lookup finds the longest match, the latest of equal ones", arguments: [31, 32, 33])
    func lookup(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<400 {
            let tokens = (0..<Int.random(in: 0...60, using: &random)).map { _ in Int32.random(in: 0..<4, using: &random) }
            let found = PromptLookup(tokens), expected = naive(tokens)
            #expect(found?.start == expected?.start, "\(tokens) seed \(seed)")
            #expect(found?.length == expected?.length, "\(tokens) seed \(seed)")
        }
    }

    @Test("a continuation that reaches the end goes on with itself")
    func period() {
        let tokens: [Int32] = [9, 1, 2, 3, 1, 2, 3, 1, 2]
        guard let lookup = PromptLookup(tokens) else { return #expect(Bool(false), "there is a match") }
        #expect((0..<7).map { lookup.token($0, in: tokens) } == [3, 1, 2, 3, 1, 2, 3])
    }

    @Test("more is proposed the surer it is, nothing when it is unsure or the step is wide")
    func decision() {
        func count(_ acceptance: Double, rows: Int = 1, room: Int = 100) -> Int {
            var speculation = Speculation(cost: .decode, rows: rows, capacity: 32)
            return speculation.take(acceptance: acceptance, room: room)
        }
        #expect(count(0.05) == 0)
        #expect(count(0.5) >= 1)
        #expect(count(0.95) > count(0.5))
        #expect(count(0.95, room: 2) == 2)
        #expect(count(0.95, room: 0) == 0)
        #expect(count(0.95, room: -1) == 0)
        #expect(count(0.5, rows: 16) == 0)
        #expect(count(0.95, rows: 32) == 0, "there is no row left")
    }

    @Test("rows that one sequence takes count for the next")
    func together() {
        var speculation = Speculation(cost: .decode, rows: 4, capacity: 12)
        let counts = (0..<4).map { _ in speculation.take(acceptance: 0.97, room: 100) }
        #expect(speculation.rows == 4 + counts.reduce(0, +))
        #expect(speculation.rows <= 12)
        #expect(counts[0] > 0)
    }

    @Test("acceptance follows what was seen lately, by the length of the match")
    func record() {
        var record = SpeculationRecord()
        for _ in 0..<10 { record.note(matched: 8, right: 7, tested: 7) }
        #expect(record.acceptance(matched: 8) > 0.9)
        #expect(record.acceptance(matched: 2) < 0.2)
        for _ in 0..<60 { record.note(matched: 8, right: 0, tested: 1) }
        #expect(record.acceptance(matched: 8) < 0.05)
        for _ in 0..<60 { record.note(matched: 5, right: 1, tested: 1) }
        #expect(record.acceptance(matched: 8) > 0.9, "lookups that are not tried are scored, so it comes back")
    }
}
