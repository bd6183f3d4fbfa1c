import Testing

@testable import Inference

@Suite("Scheduler")
struct SchedulerTests {
    private let scheduler = Scheduler(limits: InferenceLimits())

    private func state(_ id: Int, _ pending: Int, saturated: Bool = false) -> SequenceState {
        SequenceState(id: id, pendingTokens: pending, isPrefilling: pending > 1, isSaturated: saturated)
    }

    @Test("every decoding sequence gets its row, and prompts share what is left")
    func mixed() {
        let plan = scheduler.plan([state(1, 1), state(2, 1000), state(3, 1), state(4, 10)], turn: 0)
        #expect(plan.parts.prefix(2) == [.init(id: 1, tokens: 1), .init(id: 3, tokens: 1)])
        #expect(plan.parts.contains(.init(id: 4, tokens: 10)))
        #expect(plan.parts.contains(.init(id: 2, tokens: 118)))
    }

    @Test("a prompt alone is read in whole chunks")
    func alone() {
        #expect(scheduler.plan([state(7, 1000)], turn: 3).parts == [.init(id: 7, tokens: 256)])
        #expect(scheduler.plan([state(7, 100)], turn: 3).parts == [.init(id: 7, tokens: 100)])
    }

    @Test("a sequence whose reader is behind is left out")
    func saturated() {
        #expect(scheduler.plan([state(1, 1, saturated: true), state(2, 1)], turn: 0).parts == [.init(id: 2, tokens: 1)])
        #expect(scheduler.plan([state(1, 50, saturated: true)], turn: 0).parts.isEmpty)
    }

    @Test("any mixture keeps the budget, computes nothing twice and starves nobody", arguments: [11, 12, 13])
    func random(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for turn in 0..<500 {
            let states = (0..<Int.random(in: 1...32, using: &random)).map { id in
                state(id, Bool.random(using: &random) ? 1 : Int.random(in: 2...3000, using: &random))
            }
            let plan = scheduler.plan(states, turn: turn)
            #expect(plan.rows <= scheduler.limits.maximumRows, "seed \(seed)")
            #expect(Set(plan.parts.map(\.id)).count == plan.parts.count, "seed \(seed)")
            #expect(plan.parts.count == states.count, "every one of at most 32 gets something, seed \(seed)")
            for part in plan.parts {
                #expect(part.tokens >= 1 && part.tokens <= states[part.id].pendingTokens, "seed \(seed)")
            }
        }
    }
}
