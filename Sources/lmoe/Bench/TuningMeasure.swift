import Inference
import Models
import Tensors
import Tuning

/// What a round of tuning took.
struct TuningResult {
    let label: String
    /// Tokens that went through the model, forward and back, in `seconds`.
    let tokens: Int
    let seconds: Double
    /// Resident bytes of the process while it tuned.
    let residentBytes: Int

    var tokensPerSecond: Double { Double(tokens) / seconds }
}

/// Times optimiser steps: rank 8 on all linear maps, AdamW, every token a target, made-up tokens.
struct TuningMeasure {
    let base: BaseModel
    let pool: WorkerPool
    let repeats: Int

    private static let rank = 8
    static let length = 128

    /// One task with 8 sequences a step, and four tasks with 2 each: one after the other and at once.
    func results() throws(TuningError) -> [TuningResult] {
        let (tokens, rank) = (8 * Self.length, Self.rank)
        var results = [try measure("8 x \(Self.length), rank \(rank)", tokens: tokens, sessions: [[try task(0, sequences: 8)]])]
        let four: [TuningTask] = [
            try task(1, sequences: 2), try task(2, sequences: 2), try task(3, sequences: 2), try task(4, sequences: 2),
        ]
        results.append(try measure("4 tasks of 2 x \(Self.length), one after the other", tokens: tokens, sessions: four.map { [$0] }))
        results.append(try measure("4 tasks of 2 x \(Self.length), at once", tokens: tokens, sessions: [four]))
        return results
    }

    func task(_ number: Int, sequences: Int, length: Int = TuningMeasure.length) throws(TuningError) -> TuningTask {
        var settings = try TaskSettings(recipe: AdapterRecipe(rank: Self.rank))
        settings.schedule = .constant
        settings.warmup = 0
        settings.examples = sequences
        settings.epochs = 10_000
        // A round has room for all tasks.
        settings.microBatchTokens = 8 * length
        var set = ExampleSet()
        let vocabulary = base.decoder.configuration.vocabulary
        for index in 0..<sequences {
            let tokens = (0...length).map { Int32(($0 * 7919 + index * 104_729 + number * 1_299_709 + 13) % vocabulary) }
            set.examples.append(.supervised(TrainingSequence(tokens: tokens, isTarget: tokens.map { _ in true })))
            set.lines.append(index + 1)
        }
        return try TuningTask("task-\(number)", settings: settings, training: set, heldOut: ExampleSet(), weights: base.decoder, pool: pool)
    }

    /// The sessions take turns in each round; the median of the rounds after one that warms up.
    private func measure(_ label: String, tokens: Int, sessions groups: [[TuningTask]]) throws(TuningError) -> TuningResult {
        var sessions: [TuningSession] = []
        for tasks in groups {
            let session = TuningSession(base.decoder, pool: pool)
            for task in tasks { try session.add(task) }
            sessions.append(session)
        }
        var seconds: [Double] = []
        for _ in 0...repeats {
            seconds.append(try elapsed { () throws(TuningError) in for session in sessions { try session.advance { _ in } } })
        }
        return TuningResult(
            label: label, tokens: tokens, seconds: Samples(Array(seconds.dropFirst())).median, residentBytes: ProcessMemory.now(label).resident)
    }
}
