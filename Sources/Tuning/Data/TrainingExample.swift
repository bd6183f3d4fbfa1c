/// One sequence of tokens that goes through the model in a step.
public struct TrainingSequence: Sendable, Equatable {
    public var tokens: [Int32]
    /// `[tokens]`: whether the loss counts the model's prediction of this token from those before it. The first is never a target.
    public var isTarget: [Bool]

    public init(tokens: [Int32], isTarget: [Bool]) {
        precondition(tokens.count == isTarget.count, "\(tokens.count) tokens have \(isTarget.count) marks")
        self.tokens = tokens
        self.isTarget = isTarget
        if !isTarget.isEmpty { self.isTarget[0] = false }
    }

    /// Tokens that count in the loss.
    public var targetCount: Int { isTarget.reduce(0) { $0 + ($1 ? 1 : 0) } }
}

/// One example of a data set, as an objective needs it.
public enum TrainingExample: Sendable, Equatable {
    /// Supervised tuning: the model learns to say the targets.
    case supervised(TrainingSequence)
    /// Preference tuning (DPO, CPO, SimPO, ORPO): both continue the same prompt.
    case preference(chosen: TrainingSequence, rejected: TrainingSequence)
    /// KTO: an answer with a label.
    case labelled(TrainingSequence, isDesirable: Bool)

    /// Its sequences, in the order in which a step computes them.
    public var sequences: [TrainingSequence] {
        switch self {
        case .supervised(let sequence), .labelled(let sequence, _): [sequence]
        case .preference(let chosen, let rejected): [chosen, rejected]
        }
    }
}
