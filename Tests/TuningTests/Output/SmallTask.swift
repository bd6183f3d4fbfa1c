import Models
import Tensors

@testable import Tuning

/// A task on a tiny base, with examples of drawn tokens.
struct SmallTask {
    let files: ModelFiles
    let weights: DecoderWeights
    let pool: WorkerPool
    var settings: TaskSettings
    var training: ExampleSet
    var heldOut: ExampleSet

    init(
        _ base: String, recipe: AdapterRecipe = AdapterRecipe(rank: 4), objective: Objective = .supervised, examples: Int = 11,
        heldOut: Int = 3, precision: ModelPrecision = .reference, seed: UInt64 = 5
    ) throws {
        pool = WorkerPool(threads: 2)
        files = try ModelFiles.open("\(GradientFixture.root)/Tests/ModelsTests/Fixtures/tiny/\(base)")
        weights = try DecoderWeights(files, precision: precision, pool: pool)
        settings = try TaskSettings(recipe: recipe, objective: objective)
        settings.rates = try LearningRates(rate: 0.02)
        settings.warmup = 0
        settings.examples = 4
        settings.epochs = 3
        settings.microBatchTokens = 48
        var random = SeededFloats(seed: seed, stream: 1)
        training = Self.set(examples, settings.objective, vocabulary: files.configuration.vocabulary, &random)
        self.heldOut = Self.set(heldOut, settings.objective, vocabulary: files.configuration.vocabulary, &random)
    }

    func task(_ name: String = "small") throws -> TuningTask {
        try TuningTask(name, settings: settings, training: training, heldOut: heldOut, weights: weights, pool: pool)
    }

    /// Advances until so many optimiser steps were done, or to the end; gives what was told.
    @discardableResult
    func run(_ task: TuningTask, to step: Int = .max) throws -> [TuningEvent] {
        let session = TuningSession(weights, pool: pool)
        try session.add(task)
        var events: [TuningEvent] = []
        while task.step < step, task.finished == nil { try session.advance { events.append($0) } }
        return events
    }

    /// The log-probability of each token but the first, under an adapter in training.
    func logarithms(_ tokens: [Int32], _ adapter: TrainableAdapter?) throws -> [Float] {
        let workspace = try TrainingWorkspace(weights, pool: pool, maximumRows: tokens.count)
        let marks = tokens.indices.map { $0 > 0 }
        return try workspace.forward(.init(runs: [.init(tokens: tokens, isTarget: marks, adapter: adapter)]), differentiates: false)[0]
    }

    private static func set(_ count: Int, _ objective: Objective, vocabulary: Int, _ random: inout SeededFloats) -> ExampleSet {
        func sequence(_ prompt: [Int32]) -> TrainingSequence {
            let answer = tokens(2 + Int((random.symmetric() + 1) * 4), vocabulary, &random)
            return TrainingSequence(
                tokens: prompt + answer, isTarget: prompt.map { _ in false } + answer.map { _ in true })
        }
        var set = ExampleSet()
        for index in 0..<count {
            let prompt = tokens(3 + index % 4, vocabulary, &random)
            switch objective.exampleKind {
            case .supervised: set.examples.append(.supervised(sequence(prompt)))
            case .preference: set.examples.append(.preference(chosen: sequence(prompt), rejected: sequence(prompt)))
            case .labelled: set.examples.append(.labelled(sequence(prompt), isDesirable: index % 2 == 0))
            }
            set.lines.append(index + 1)
        }
        return set
    }

    static func tokens(_ count: Int, _ vocabulary: Int, _ random: inout SeededFloats) -> [Int32] {
        (0..<count).map { _ in Int32((random.symmetric() + 1) / 2 * Float(vocabulary - 1)) }
    }

    var record: TuningRecord {
        TuningRecord(
            base: BaseIdentity(name: "tiny/\(files.name)", identity: files.identity), description: "Answers small questions.",
            sources: [.init(name: "small.jsonl", digest: ContentDigest(of: "rows"), rows: 14)], examples: ["one?", "a \"two\": \\ #\u{85}\n- three"],
            date: "2026-11-28", history: TuningHistory(task: "small"))
    }
}

extension FloatBuffer {
    /// Equal to the last bit.
    func hasBits(of other: FloatBuffer) -> Bool {
        UnsafeRawBufferPointer(start: pointer, count: 4 * count).elementsEqual(UnsafeRawBufferPointer(start: other.pointer, count: 4 * other.count))
    }
}
