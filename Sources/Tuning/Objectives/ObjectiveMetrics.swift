/// Sums over examples from which a report takes means; those of micro-batches can be added.
public struct ObjectiveMetrics: Sendable, Equatable {
    /// Sums over answers of one kind: chosen or desirable, rejected or undesirable.
    public struct Answers: Sendable, Equatable {
        public var count = 0
        public var rewardSum = 0.0
        public var logProbabilitySum = 0.0

        /// The mean reward, as the objective defines it; nil without answers.
        public var reward: Double? { count > 0 ? rewardSum / Double(count) : nil }
        /// The mean log-probability of an answer: of the whole or, where the objective takes means, of a token.
        public var logProbability: Double? { count > 0 ? logProbabilitySum / Double(count) : nil }

        mutating func add(reward: Double, logProbability: Double) {
            count += 1
            rewardSum += reward
            logProbabilitySum += logProbability
        }

        static func += (left: inout Answers, right: Answers) {
            left.count += right.count
            left.rewardSum += right.rewardSum
            left.logProbabilitySum += right.logProbabilitySum
        }
    }

    /// Tokens of the likelihood term (`StepTotals.tokenCount`).
    public var tokenCount = 0
    public var negativeLogLikelihoodSum = 0.0
    public var chosen = Answers()
    public var rejected = Answers()
    /// Pairs whose chosen answer has the greater reward.
    public var correctCount = 0
    /// Pairs of a chosen and a rejected answer.
    public var pairCount = 0

    public init() {}

    /// The mean over tokens; nil without tokens.
    public var negativeLogLikelihood: Double? { tokenCount > 0 ? negativeLogLikelihoodSum / Double(tokenCount) : nil }
    /// The share of pairs whose chosen answer has the greater reward; nil without pairs.
    public var accuracy: Double? { pairCount > 0 ? Double(correctCount) / Double(pairCount) : nil }
    /// The mean reward of chosen answers less that of rejected ones; nil when there are none of a kind.
    public var margin: Double? {
        guard let chosen = chosen.reward, let rejected = rejected.reward else { return nil }
        return chosen - rejected
    }

    mutating func addLikelihood(_ sum: Double, tokenCount count: Int) {
        negativeLogLikelihoodSum += sum
        tokenCount += count
    }

    /// A pair, with the log-probabilities and rewards that the objective defines.
    mutating func addPair(rewards: (chosen: Double, rejected: Double), logProbabilities: (chosen: Double, rejected: Double)) {
        chosen.add(reward: rewards.chosen, logProbability: logProbabilities.chosen)
        rejected.add(reward: rewards.rejected, logProbability: logProbabilities.rejected)
        pairCount += 1
        if rewards.chosen > rewards.rejected { correctCount += 1 }
    }

    public static func += (left: inout ObjectiveMetrics, right: ObjectiveMetrics) {
        left.tokenCount += right.tokenCount
        left.negativeLogLikelihoodSum += right.negativeLogLikelihoodSum
        left.chosen += right.chosen
        left.rejected += right.rejected
        left.correctCount += right.correctCount
        left.pairCount += right.pairCount
    }
}
