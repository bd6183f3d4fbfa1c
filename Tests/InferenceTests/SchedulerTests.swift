import Testing

@testable import Inference

@Suite("Scheduler")
struct SchedulerTests {
    private func plan(_ pending: [Int], held: Set<Int> = [], budget: Int, step: Int = 0) -> RowSchedule {
        var plan = RowSchedule()
        let states = pending.enumerated().map { SequenceState(pendingTokens: $1, isHeld: held.contains($0)) }
        Scheduler().plan(states, budget: .init(rows: budget, returningRows: budget), step: step, into: &plan)
        return plan
    }

    @Test("every decoding sequence gets its row, and prompts share what is left")
    func mixed() {
        let plan = plan([1, 1000, 1, 10], budget: 130)
        #expect(plan.parts.prefix(2) == [.init(index: 0, tokens: 1), .init(index: 2, tokens: 1)])
        #expect(plan.parts.contains(.init(index: 3, tokens: 10)))
        #expect(plan.parts.contains(.init(index: 1, tokens: 118)))
    }

    @Test("a prompt alone is read in whole chunks")
    func alone() {
        #expect(plan([1000], budget: 256, step: 3).parts == [.init(index: 0, tokens: 256)])
        #expect(plan([100], budget: 256, step: 3).parts == [.init(index: 0, tokens: 100)])
    }

    @Test("eight prompts of 64 tokens take two steps, four whole ones in each")
    func eightPrompts() {
        let first = plan([64, 64, 64, 64, 64, 64, 64, 64], budget: 256)
        #expect(first.parts == (0..<4).map { .init(index: $0, tokens: 64) })
    }

    @Test("a sequence that is held is left out")
    func held() {
        #expect(plan([1, 1], held: [0], budget: 64).parts == [.init(index: 1, tokens: 1)])
        #expect(plan([50], held: [0], budget: 64).parts.isEmpty)
    }

    @Test("decoding rows that fill the budget still leave a prompt a row")
    func fullOfDecoding() {
        #expect(plan([1, 1, 1, 500], budget: 2).parts.last == .init(index: 3, tokens: 1))
    }

    @Test("any mixture keeps the budget and computes nothing twice", arguments: [11, 12, 13])
    func random(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for step in 0..<500 {
            let pending = (0..<Int.random(in: 1...32, using: &random)).map { _ in
                Bool.random(using: &random) ? 1 : Int.random(in: 2...3000, using: &random)
            }
            let budget = Int.random(in: 33...256, using: &random)
            let plan = plan(pending, budget: budget, step: step)
            #expect(plan.rows <= budget, "seed \(seed)")
            #expect(Set(plan.parts.map(\.index)).count == plan.parts.count, "seed \(seed)")
            #expect(plan.rows == min(budget, pending.reduce(0, +)), "seed \(seed)")
            for part in plan.parts { #expect(part.tokens >= 1 && part.tokens <= pending[part.index], "seed \(seed)") }
            for index in pending.indices where pending[index] == 1 {
                #expect(plan.parts.contains(.init(index: index, tokens: 1)), "seed \(seed)")
            }
        }
    }

    @Test("no prompt starves: short ones keep coming, long ones wait, and each ends", arguments: [21, 22])
    func progress(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var pending: [(id: Int, left: Int)] = []
        var (arrived, worst) = ([Int: Int](), 0)
        for step in 0..<4000 {
            // As many rows a step as are read, in the mean.
            while pending.count < 24, Int.random(in: 0..<3, using: &random) > 0 {
                arrived[arrived.count] = step
                pending.append((arrived.count - 1, Int.random(in: 0..<8, using: &random) == 0 ? 2000 : 60))
            }
            guard !pending.isEmpty else { continue }
            for part in plan(pending.map(\.left), budget: 256, step: step).parts {
                pending[part.index].left -= part.tokens
                if pending[part.index].left == 0 { worst = max(worst, step - (arrived[pending[part.index].id] ?? step)) }
            }
            pending.removeAll { $0.left == 0 }
        }
        #expect(worst < 24 * 2000 / 64, "seed \(seed): the oldest is always served, so each waits for those before it")
        #expect(arrived.count > 300, "seed \(seed)")
    }
}

@Suite("Step cost")
struct StepTimeModelTests {
    @Test("it learns what this machine takes, and keeps to the time that it is given")
    func learns() {
        var cost = StepTimeModel.prefill
        for _ in 0..<100 { for rows in [16, 64, 96, 128, 192, 256] { cost.note(rows: rows, milliseconds: 1 + 0.5 * Double(rows)) } }
        for rows in [16, 64, 100, 128, 200, 256] {
            #expect(abs(cost.milliseconds(rows: rows) / (1 + 0.5 * Double(rows)) - 1) < 0.06, "\(rows) rows")
        }
        let rows = cost.rows(within: 50, least: 1, most: 256)
        #expect((88...108).contains(rows))
        // All gets slower, seen at one number of rows only, as when a long prompt is read deeper and deeper.
        for _ in 0..<20 { cost.note(rows: 100, milliseconds: 102) }
        #expect((40...60).contains(cost.rows(within: 50, least: 1, most: 256)))
        #expect(cost.rows(within: 0.01, least: 20, most: 256) == 20)
        #expect(cost.rows(within: 1e6, least: 20, most: 256) == 256)
    }

    @Test("one step that something held up changes little")
    func outlier() {
        var cost = StepTimeModel.decode
        for _ in 0..<20 { cost.note(rows: 4, milliseconds: 3) }
        cost.note(rows: 4, milliseconds: 900)
        #expect(cost.milliseconds(rows: 4) < 4)
        for _ in 0..<30 { cost.note(rows: 4, milliseconds: 3) }
        #expect(abs(cost.milliseconds(rows: 4) - 3) < 0.1)
    }
}
