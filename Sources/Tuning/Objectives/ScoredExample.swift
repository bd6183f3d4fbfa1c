/// Log-probabilities of one sequence, as a step's forward pass gives them.
public struct SequenceScores: Sendable, Equatable {
    /// `[scored tokens]`: the policy's natural log-probability of each scored token (`Objective.scoredTokens`), in the order of the tokens.
    public var policy: [Double]
    /// The sum of the reference model's log-probabilities of the targets. Nil where the objective needs no reference.
    public var reference: Double?

    public init(policy: [Double], reference: Double? = nil) {
        self.policy = policy
        self.reference = reference
    }

    /// The sum of the policy's log-probabilities.
    var sum: Double { policy.reduce(0, +) }
    /// `log(policy / reference)` of the whole answer.
    var logRatio: Double { sum - (reference ?? 0) }
}

/// An example with the log-probabilities of its sequences, in the order of `TrainingExample.sequences`.
public struct ScoredExample: Sendable, Equatable {
    public var example: TrainingExample
    public var scores: [SequenceScores]

    public init(_ example: TrainingExample, scores: [SequenceScores]) {
        self.example = example
        self.scores = scores
    }

    /// A step that scores other tokens than the objective asked for is a defect of the program.
    func checkShape(against marks: [[Bool]], needsReference: Bool) {
        precondition(scores.count == marks.count, "\(scores.count) scores for \(marks.count) sequences")
        for (scores, marks) in zip(scores, marks) {
            let count = marks.reduce(0) { $0 + ($1 ? 1 : 0) }
            precondition(scores.policy.count == count, "\(scores.policy.count) log-probabilities for \(count) scored tokens")
            precondition(!needsReference || scores.reference != nil, "the objective needs a reference")
        }
    }
}

/// What the losses of an optimiser step are divided by, over all its micro-batches.
public struct StepTotals: Sendable, Equatable {
    /// Examples: of preferences, pairs.
    public var exampleCount: Int
    /// Tokens of the likelihood term: targets (of preferences, those of the chosen answer); for ORPO all scored tokens of the chosen.
    public var tokenCount: Int
    /// KTO's estimate of the divergence of the policy from the reference: a constant of the step (`KTO.divergence`).
    public var divergence: Double

    public init(exampleCount: Int = 0, tokenCount: Int = 0, divergence: Double = 0) {
        self.exampleCount = exampleCount
        self.tokenCount = tokenCount
        self.divergence = divergence
    }

    /// Adds the counts. The divergence is one number of the whole step and stays.
    public static func += (left: inout StepTotals, right: StepTotals) {
        left.exampleCount += right.exampleCount
        left.tokenCount += right.tokenCount
    }
}
