import Models
import Tensors
import Testing

@testable import Tuning

/// What a session promises of its rounds.
@Suite struct SessionTests {
    private func small(examples: Int = 6, seed: UInt64 = 5) throws -> SmallTask {
        var small = try SmallTask("llama", examples: examples, heldOut: 2, precision: .fast, seed: seed)
        small.settings.examples = 1
        small.settings.epochs = 1
        small.settings.microBatchTokens = 16
        return small
    }

    @Test("a round has at most the tokens of a micro-batch: tasks take turns, each with the result of the task alone")
    func turns() throws {
        let small = try small()
        let alone = try small.task()
        try small.run(alone)
        let session = TuningSession(small.weights, pool: small.pool)
        let tasks = try ["a", "b", "c"].map { try small.task($0) }
        for task in tasks { try session.add(task) }
        #expect(small.training.examples.allSatisfy { $0.rows <= 16 } && small.training.examples.contains { $0.rows > 8 })
        var order: [String] = []
        while !session.running.isEmpty {
            var rows = 0
            try session.advance { event in
                guard case .step(let report) = event else { return }
                order.append(report.task)
                rows += report.tokens
            }
            #expect(rows <= 16)
        }
        #expect(Dictionary(grouping: order) { $0 }.mapValues(\.count) == ["a": 6, "b": 6, "c": 6])
        #expect(Set(order.prefix(3)) == ["a", "b", "c"], "each of them has its turn")
        for task in tasks { #expect(task.adapter.parameters.hasBits(of: alone.adapter.parameters)) }
    }

    @Test("tasks that fit a round go through the model together")
    func together() throws {
        var small = try small()
        small.settings.microBatchTokens = 64
        let session = TuningSession(small.weights, pool: small.pool)
        for name in ["a", "b", "c"] { try session.add(try small.task(name)) }
        var steps = 0
        try session.advance { if case .step = $0 { steps += 1 } }
        #expect(steps == 3)
    }

    @Test("sequences of a micro-batch lie without padding, and each has the log-probabilities that it has alone")
    func packing() throws {
        let small = try small(examples: 5)
        let task = try small.task()
        var (batch, own) = (TrainingBatch(runs: []), BatchedExamples())
        own.add(small.training.examples, .supervised, adapter: task.adapter, to: &batch)
        let lengths = small.training.examples.map(\.rows)
        #expect(Set(lengths).count > 1)
        #expect(batch.rows == lengths.reduce(0, +))
        let workspace = try TrainingWorkspace(small.weights, pool: small.pool, maximumRows: 128)
        let together = try workspace.forward(batch, differentiates: false)
        for (run, found) in zip(batch.runs, together) {
            #expect(try workspace.forward(TrainingBatch(runs: [run]), differentiates: false) == [found])
        }
    }

    @Test("an estimate's session measures no held-out loss")
    func measuring() throws {
        let small = try small()
        for measures in [true, false] {
            let session = TuningSession(small.weights, pool: small.pool)
            session.measuresHeldOut = measures
            try session.add(try small.task())
            var evaluations = 0
            while !session.running.isEmpty { try session.advance { if case .evaluation = $0 { evaluations += 1 } } }
            #expect(evaluations == (measures ? 1 : 0))
        }
    }

    @Test("memory that the system refuses is an error, after which the task goes on with the same bits")
    func memory() throws {
        var small = try small()
        var random = SeededFloats(seed: 1, stream: 2)
        let tokens = SmallTask.tokens(900, small.files.configuration.vocabulary, &random)
        small.training.examples = [.supervised(TrainingSequence(tokens: tokens, isTarget: tokens.map { _ in true }))]
        small.training.lines = [1]
        small.heldOut = ExampleSet()
        small.settings.microBatchTokens = 1024
        small.settings.epochs = 2
        let whole = try small.task()
        try small.run(whole)
        let task = try small.task()
        let session = TuningSession(small.weights, pool: small.pool)
        try session.add(task)
        let error = #expect(throws: TuningError.self) { try SystemMemory.$limitBytes.withValue(1 << 12) { try session.advance { _ in } } }
        #expect(error?.code == .noMemory && error?.message.contains("training step") == true, "\(String(describing: error))")
        #expect(task.step == 0)
        while !session.running.isEmpty { try session.advance { _ in } }
        #expect(task.adapter.parameters.hasBits(of: whole.adapter.parameters))
        // What a step needs beside the workspace.
        let workspace = try TrainingWorkspace(small.weights, pool: small.pool, maximumRows: 1024)
        let batch = TrainingBatch(runs: [.init(tokens: tokens, isTarget: tokens.map { _ in true }, adapter: task.adapter)])
        let refused = #expect(throws: ModelError.self) {
            try SystemMemory.$limitBytes.withValue(1 << 12) { try workspace.forward(batch, differentiates: false) }
        }
        #expect(refused?.code == .noMemory && refused?.message.contains("working memory of a training step") == true)
        #expect(try workspace.forward(batch, differentiates: false)[0].count == 899)
    }

    @Test("references go through the model apart, and a step's rows are those of the policy")
    func references() throws {
        var small = try SmallTask("llama", objective: .dpo(try DPO()), examples: 4, heldOut: 0, precision: .fast)
        small.settings.epochs = 1
        small.settings.warmup = 0
        let task = try small.task()
        let reports = try small.run(task).compactMap { event in if case .step(let report) = event { report } else { nil } }
        let first = try #require(reports.first)
        #expect(abs(first.loss - 0.6931472) < 1e-6, "policy and reference are the same before the first step")
        #expect(first.tokens == small.training.examples.reduce(0) { $0 + $1.rows })
    }
}
