import Models

/// An optimiser step of a task that is under way: its examples, cut into micro-batches, and what they gave so far.
struct TaskStep {
    let examples: [TrainingExample]
    /// Ranges of `examples`.
    let microBatches: [Range<Int>]
    var totals: StepTotals
    var done = 0
    var loss = 0.0
    var metrics = ObjectiveMetrics()

    var isComplete: Bool { done == microBatches.count }
    var tokens: Int { examples.reduce(0) { $0 + $1.rows } }

    /// Rows of the next micro-batch.
    var rows: Int { examples[microBatches[done]].reduce(0) { $0 + $1.rows } }

    /// The part of the step's rows that a micro-batch has.
    func share(of microBatch: Int) -> Double {
        Double(examples[microBatches[microBatch]].reduce(0) { $0 + $1.rows }) / Double(tokens)
    }

    /// The step's rows before those of a micro-batch.
    func firstRow(of microBatch: Int) -> Int { examples[..<microBatches[microBatch].lowerBound].reduce(0) { $0 + $1.rows } }

    init(_ examples: [TrainingExample], objective: Objective, microBatchTokens: Int) {
        self.examples = examples
        microBatches = Self.cut(examples, microBatchTokens: microBatchTokens)
        totals = StepTotals()
        for example in examples { totals += objective.totals(of: example) }
    }

    /// Consecutive examples of at most so many rows together; one longer example is a micro-batch of its own.
    static func cut(_ examples: [TrainingExample], microBatchTokens: Int) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var (first, rows) = (0, 0)
        for (index, example) in examples.enumerated() {
            if index > first, rows + example.rows > microBatchTokens {
                ranges.append(first..<index)
                (first, rows) = (index, 0)
            }
            rows += example.rows
        }
        if first < examples.count { ranges.append(first..<examples.count) }
        return ranges
    }
}

extension TrainingExample {
    /// Rows that go through the model.
    var rows: Int { sequences.reduce(0) { $0 + max(0, $1.tokens.count - 1) } }
}

/// Examples in a batch of the model: which of its runs are theirs.
struct BatchedExamples {
    private(set) var examples: [TrainingExample] = []
    /// For each example the runs of the policy and, where wanted, those of the reference, which are in a batch of their own.
    private var policy: [[Int]] = []
    private var reference: [[Int]] = []
    /// Sums of log-probabilities, as `reference`.
    private var referenceScores: [[Double]] = []

    /// Adds the policy's runs.
    ///
    /// - Parameter dropout: of the first one; nil: none.
    mutating func add(
        _ more: some Sequence<TrainingExample>, _ objective: Objective, adapter: TrainableAdapter?,
        dropout: TrainingBatch.RunDropout? = nil, to batch: inout TrainingBatch
    ) {
        var dropout = dropout
        for example in more {
            examples.append(example)
            policy.append([])
            for (sequence, marks) in zip(example.sequences, objective.scoredTokens(of: example)) {
                policy[policy.count - 1].append(batch.runs.count)
                let run = TrainingBatch.Run(tokens: sequence.tokens, isTarget: marks, adapter: adapter, dropout: dropout)
                dropout?.firstRow += run.rows
                batch.runs.append(run)
            }
        }
    }

    /// Adds runs of the reference for the examples so far. Nil: the base.
    mutating func addReferences(_ adapter: TrainableAdapter?, to batch: inout TrainingBatch) {
        for example in examples {
            reference.append([])
            for sequence in example.sequences {
                reference[reference.count - 1].append(batch.runs.count)
                batch.runs.append(.init(tokens: sequence.tokens, isTarget: sequence.isTarget, adapter: adapter))
            }
        }
    }

    /// Takes the reference's log-probabilities from those of its batch.
    mutating func keepReferences(_ logarithms: [[Float]]) {
        referenceScores = reference.map { runs in runs.map { logarithms[$0].reduce(0.0) { $0 + Double($1) } } }
    }

    /// The examples with their log-probabilities, given those of all runs.
    func scored(_ logarithms: [[Float]]) -> [ScoredExample] {
        examples.indices.map { index in
            let scores = policy[index].enumerated().map { place, run in
                SequenceScores(
                    policy: logarithms[run].map(Double.init),
                    reference: referenceScores.isEmpty ? nil : referenceScores[index][place])
            }
            return ScoredExample(examples[index], scores: scores)
        }
    }

    /// Puts an objective's gradients, sequence by sequence, where the batch has the runs.
    func place(_ gradients: [[Double]], into slopes: inout [[Float]]) {
        for (run, gradient) in zip(policy.joined(), gradients) { slopes[run] = gradient.map(Float.init) }
    }
}
