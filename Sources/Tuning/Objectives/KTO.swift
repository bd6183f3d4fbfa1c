/// Kahneman-Tversky optimisation (Ethayarajh et al. 2024): single answers with a label, desirable or not.
///
/// With h the answer's `log(policy/reference)` and z the divergence: the loss is the mean over examples of
/// `weight (1 - sigmoid(beta (h - z)))` for desirable answers and `weight (1 - sigmoid(beta (z - h)))` for others. z is a constant
/// of the step: see `mismatched` and `divergence`.
public struct KTO: Sendable, Equatable {
    public let beta: Double
    public let desirableWeight: Double
    public let undesirableWeight: Double

    /// Throws `invalidSetting` outside these ranges: beta more than 0 and at most 100, weights 0 to 100 and not both 0.
    public init(beta: Double = 0.1, desirableWeight: Double = 1, undesirableWeight: Double = 1) throws(TuningError) {
        try PreferenceRange.beta.check(beta, "beta")
        try PreferenceRange.weight.check(desirableWeight, "desirable_weight")
        try PreferenceRange.weight.check(undesirableWeight, "undesirable_weight")
        guard desirableWeight > 0 || undesirableWeight > 0 else {
            throw TuningError(.invalidSetting, "nothing is trained while desirable_weight is 0 as well", field: "undesirable_weight")
        }
        self.beta = beta
        self.desirableWeight = desirableWeight
        self.undesirableWeight = undesirableWeight
    }

    /// Sequences from which the divergence is estimated: each prompt with the answer of the example before it, the first with that of the
    /// last. The prompt is what precedes the first target.
    ///
    /// Policy and reference score their targets without gradients. TRL rotates the answers of a micro-batch; here the caller gives
    /// all examples of the optimiser step, so that the number of micro-batches changes nothing. A sequence is cut after `maximumTokens`.
    /// A step of one example has none.
    public static func mismatched(_ examples: [TrainingExample], maximumTokens: Int) -> [TrainingSequence] {
        guard examples.count > 1 else { return [] }
        return examples.indices.compactMap { index in
            let own = examples[index].sequences[0]
            let other = examples[index > 0 ? index - 1 : examples.count - 1].sequences[0]
            guard let ownStart = own.isTarget.firstIndex(of: true), let otherStart = other.isTarget.firstIndex(of: true) else { return nil }
            let tokens = own.tokens[..<ownStart] + other.tokens[otherStart...]
            let marks = own.isTarget[..<ownStart] + other.isTarget[otherStart...]
            let sequence = TrainingSequence(tokens: Array(tokens.prefix(maximumTokens)), isTarget: Array(marks.prefix(maximumTokens)))
            return sequence.isTarget.contains(true) ? sequence : nil
        }
    }

    /// The mean log-ratio of the mismatched sequences, or 0 if it is negative or there are none. Each of `scores` holds the policy's
    /// log-probabilities of a sequence's targets and the reference's sum.
    public static func divergence(_ scores: [SequenceScores]) -> Double {
        scores.isEmpty ? 0 : max(scores.reduce(0) { $0 + $1.logRatio } / Double(scores.count), 0)
    }

    func add(_ scored: ScoredExample, isDesirable: Bool, _ totals: StepTotals, to result: inout ObjectiveResult) {
        let answer = scored.scores[0]
        let sign = isDesirable ? 1.0 : -1.0
        let value = logistic(-sign * beta * (answer.logRatio - totals.divergence))
        let share = (isDesirable ? desirableWeight : undesirableWeight) / Double(totals.exampleCount)
        result.loss += share * value
        result.gradients.append(Array(repeating: -sign * share * beta * value * (1 - value), count: answer.policy.count))
        if isDesirable {
            result.metrics.chosen.add(reward: beta * answer.logRatio, logProbability: answer.sum)
        } else {
            result.metrics.rejected.add(reward: beta * answer.logRatio, logProbability: answer.sum)
        }
    }
}
