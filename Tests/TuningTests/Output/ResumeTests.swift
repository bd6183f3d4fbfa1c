import Foundation
import Models
import TestSupport
import Testing

@testable import Tuning

/// What a resume promises: the bits of a run that was never interrupted.
@Suite struct ResumeTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var base: String
        var recipe: AdapterRecipe
        var objective: Objective
        var method: Optimiser.Method?
        var precision = ModelPrecision.reference
        var interval: Int?
        var testDescription: String { "\(recipe.family.rawValue) on \(base), \(objective.name), \(precision.rawValue)" }

        func task() throws -> SmallTask {
            var small = try SmallTask(base, recipe: recipe, objective: objective, precision: precision)
            if let method { small.settings.method = method }
            small.settings.evaluationInterval = interval
            small.settings.warmup = 2
            return small
        }
    }

    static let cases: [Case] =
        (try? [
            Case(base: "llama", recipe: .init(rank: 4, dropout: 0.2), objective: .supervised, interval: 2),
            Case(base: "qwen3", recipe: .init(family: .dora, rank: 3, dropout: 0.1), objective: .supervised, method: .adafactor),
            Case(base: "gemma3", recipe: .init(family: .rslora, rank: 4), objective: .dpo(DPO())),
            Case(base: "llama3", recipe: .init(family: .ia3), objective: .kto(KTO())),
            Case(base: "qwen2", recipe: .init(family: .vera, rank: 6), objective: .orpo(ORPO()), interval: 4),
            Case(base: "mistral", recipe: .init(rank: 4, targets: [.query, .value]), objective: .cpo(CPO()), precision: .fast),
            Case(base: "llama", recipe: .init(family: .dora, rank: 4), objective: .dpo(DPO(loss: .ipo)), method: .adafactor, precision: .fast),
        ]) ?? []

    @Test("a run that is interrupted and resumed at random rounds ends with the same bits", arguments: cases)
    func interrupted(entry: Case) throws {
        let small = try entry.task()
        let base = BaseIdentity(small.files)
        let whole = try small.task()
        let expected = try small.run(whole)

        let folder = try TemporaryFolder()
        let seed = UInt64.random(in: 0..<1000)
        var random = SeededFloats(seed: seed, stream: 7)
        let checkpoints = try CheckpointFolder(folder.place("checkpoints"))
        var task = try small.task()
        var steps: [Int: TuningEvent] = [:]
        var interruptions = 0
        while task.finished == nil {
            let session = TuningSession(small.weights, pool: small.pool)
            try session.add(task)
            // Also in the middle of a step: its first micro-batches are computed again.
            var rounds = 1 + Int((random.symmetric() + 1) * 1.5)
            while task.finished == nil, rounds > 0 {
                try session.advance { if case .step(let report) = $0 { steps[report.step] = $0 } }
                rounds -= 1
            }
            try checkpoints.save(task, base: base)
            let stored = try #require(try checkpoints.newest())
            #expect(stored.damaged.isEmpty && stored.checkpoint.step == task.step)
            task = try small.task()
            try task.resume(from: stored.checkpoint, base: base, weights: small.weights, pool: small.pool)
            interruptions += 1
        }
        #expect(interruptions > 2, "seed \(seed)")
        #expect(task.adapter.parameters.hasBits(of: whole.adapter.parameters), "seed \(seed)")
        #expect(try #require(task.best).hasBits(of: #require(whole.best)), "seed \(seed)")
        for (one, other) in zip(task.optimiser.states, whole.optimiser.states) { #expect(one.buffer.hasBits(of: other.buffer), "seed \(seed), \(one.name)") }
        #expect(StoredProgress(task) == StoredProgress(whole), "seed \(seed)")
        let told = expected.filter { if case .step = $0 { true } else { false } }
        #expect(told == steps.sorted { $0.key < $1.key }.map(\.value), "seed \(seed)")
    }

    @Test("a pass that another thread interrupts leaves every task where a checkpoint of it is exact", arguments: cases.prefix(3))
    func stoppedInTheMiddle(entry: Case) throws {
        let small = try entry.task()
        let base = BaseIdentity(small.files)
        let whole = try small.task()
        let expected = try small.run(whole)
        let folder = try TemporaryFolder()
        let checkpoints = try CheckpointFolder(folder.place("checkpoints"))
        var task = try small.task()
        var events: [TuningEvent] = []
        var interruptions = 0
        while task.finished == nil {
            let session = TuningSession(small.weights, pool: small.pool)
            try session.add(task)
            let interruption = session.interruption
            let delay = UInt32.random(in: 0..<4000)
            let thread = Thread {
                usleep(delay)
                interruption.set()
            }
            // Every other time while a measurement is due, which is made up for.
            if interruptions % 2 == 0 { thread.start() }
            let stopsAfterStep = interruptions % 2 == 1
            while task.finished == nil, !interruption.isSet {
                let isStopped = try isInterrupted {
                    try session.advance { event in
                        events.append(event)
                        if case .step = event, stopsAfterStep { interruption.set() }
                    }
                }
                interruptions += isStopped ? 1 : 0
            }
            try checkpoints.save(task, base: base)
            let stored = try #require(try checkpoints.newest())
            task = try small.task()
            try task.resume(from: stored.checkpoint, base: base, weights: small.weights, pool: small.pool)
        }
        #expect(interruptions > 1)
        #expect(task.adapter.parameters.hasBits(of: whole.adapter.parameters))
        #expect(try #require(task.best).hasBits(of: #require(whole.best)))
        #expect(StoredProgress(task) == StoredProgress(whole))
        #expect(events == expected)
    }

    private func isInterrupted(_ body: () throws -> Void) throws -> Bool {
        do {
            try body()
            return false
        } catch {
            guard (error as? TuningError)?.code == .interrupted else { throw error }
            return true
        }
    }

    /// On the fast path, where a row has the same bits beside any others; f32 products of a library are not blocked alike.
    @Test("a task resumed beside others has the bits of the task alone")
    func company() throws {
        let small = try Case(base: "llama", recipe: .init(rank: 4, dropout: 0.3), objective: .supervised, precision: .fast).task()
        let base = BaseIdentity(small.files)
        let folder = try TemporaryFolder()
        let whole = try small.task()
        try small.run(whole)
        let first = try small.task()
        try small.run(first, to: 4)
        try Checkpoint.write(first, base: base, extra: ["note": "kept"], to: folder.place("four.safetensors"))
        let checkpoint = try Checkpoint(folder.place("four.safetensors"))
        #expect(checkpoint.extra["note"] == "kept" && checkpoint.step == 4)
        let second = try small.task()
        try second.resume(from: checkpoint, base: base, weights: small.weights, pool: small.pool)
        let other = try SmallTask("llama", recipe: .init(family: .ia3), objective: .dpo(try DPO()), seed: 8).task("other")
        let session = TuningSession(small.weights, pool: small.pool)
        for task in [other, second] { try session.add(task) }
        while !session.running.isEmpty { try session.advance { _ in } }
        #expect(second.adapter.parameters.hasBits(of: whole.adapter.parameters))
    }

    @Test("a task that leaves its session in the middle of a step goes on in another with the same bits")
    func moved() throws {
        let small = try Self.cases[2].task()
        let whole = try small.task()
        try small.run(whole)
        let task = try small.task()
        var rounds = 0
        while task.finished == nil {
            let session = TuningSession(small.weights, pool: small.pool)
            try session.add(task)
            for _ in 0..<3 where task.finished == nil { try session.advance { _ in } }
            rounds += session.isBetweenSteps(task) ? 0 : 1
            session.remove(task)
        }
        #expect(rounds > 0, "some step was interrupted")
        #expect(task.adapter.parameters.hasBits(of: whole.adapter.parameters))
    }
}
