/// A micro-batch's share of its step's loss.
public struct ObjectiveResult: Sendable, Equatable {
    /// The sum over the micro-batch, divided by the totals of the step. Shares of the micro-batches add up to the step's loss.
    public var loss = 0.0
    /// For each sequence `[scored tokens]`: the derivative of the step's loss by the policy's log-probability of this token. Sequences
    /// are in the order of the examples and of `TrainingExample.sequences`.
    public var gradients: [[Double]] = []
    public var metrics = ObjectiveMetrics()

    public init() {}

    /// Adds a sequence of which only the likelihood counts: `-weight * log p`, the mean over the tokens of the step.
    mutating func addLikelihood(_ policy: [Double], weight: Double, _ totals: StepTotals) {
        let sum = -policy.reduce(0, +)
        let share = weight / Double(totals.tokenCount)
        loss += share * sum
        gradients.append(Array(repeating: -share, count: policy.count))
        metrics.addLikelihood(sum, tokenCount: policy.count)
    }

    /// Adds a pair of which all scored tokens are targets: its loss, and the likelihood of the chosen answer with a weight.
    ///
    /// `slopes` are the derivatives of the pair's loss by a log-probability of the chosen and of the rejected answer.
    mutating func addPair(
        _ scored: ScoredExample, loss value: Double, slopes: (chosen: Double, rejected: Double), likelihoodWeight weight: Double,
        _ totals: StepTotals
    ) {
        let pairShare = 1 / Double(totals.exampleCount)
        loss += pairShare * value
        addLikelihood(scored.scores[0].policy, weight: weight, totals)
        for token in gradients[gradients.count - 1].indices { gradients[gradients.count - 1][token] += pairShare * slopes.chosen }
        gradients.append(Array(repeating: pairShare * slopes.rejected, count: scored.scores[1].policy.count))
    }
}
