internal import Glibc

/// Odds ratio preference optimisation (Hong et al. 2024): supervised tuning on the chosen answers and, in the same loss, the odds of the
/// chosen answer against those of the rejected one. No reference.
///
/// With m the mean log-probability of an answer's tokens, `odds = e^m / (1 - e^m)` and `r = log(odds_chosen / odds_rejected)`: the loss is
/// the mean negative log-likelihood of prompt and answer of the chosen examples, less beta times the mean over pairs of
/// `log sigmoid(r)`.
public struct ORPO: Sendable, Equatable {
    /// The weight of the odds ratio (the paper's lambda).
    public let beta: Double

    /// Throws `invalidSetting` unless beta is more than 0 and at most 100.
    public init(beta: Double = 0.1) throws(TuningError) {
        try PreferenceRange.beta.check(beta, "beta")
        self.beta = beta
    }

    /// Log-probabilities come in f32, where a certain token has 0. A greater mean is taken for half a unit in the last place below, so that
    /// odds stay finite.
    static let greatestMean = -0x1p-24

    /// `isAnswer` marks the targets among all tokens of the chosen sequence, whose scores begin with its second token.
    func add(_ scored: ScoredExample, isAnswer: [Bool], _ totals: StepTotals, to result: inout ObjectiveResult) {
        let chosen = scored.scores[0].policy
        let rejected = scored.scores[1].policy
        var answerSum = 0.0
        var answerCount = 0
        for token in chosen.indices where isAnswer[token + 1] {
            answerSum += chosen[token]
            answerCount += 1
        }
        let chosenMean = min(answerSum / Double(answerCount), Self.greatestMean)
        let rejectedMean = min(scored.scores[1].sum / Double(rejected.count), Self.greatestMean)
        let logOddsRatio = chosenMean - rejectedMean - log1mexp(chosenMean) + log1mexp(rejectedMean)

        let pairShare = 1 / Double(totals.exampleCount)
        result.loss += pairShare * beta * softplus(-logOddsRatio)
        result.addLikelihood(chosen, weight: 1, totals)
        // d r / d m = 1 / (1 - e^m) for the chosen answer, and minus the same for the rejected one.
        let slope = -pairShare * beta * logistic(-logOddsRatio)
        let chosenSlope = slope / -expm1(chosenMean) / Double(answerCount)
        let rejectedSlope = -slope / -expm1(rejectedMean) / Double(rejected.count)
        for token in chosen.indices where isAnswer[token + 1] { result.gradients[result.gradients.count - 1][token] += chosenSlope }
        result.gradients.append(Array(repeating: rejectedSlope, count: rejected.count))
        result.metrics.addPair(
            rewards: (beta * chosenMean, beta * rejectedMean), logProbabilities: (chosenMean, rejectedMean))
    }
}

/// `log(1 - e^x)` for x below 0, without cancellation on either side of `-log 2`.
func log1mexp(_ x: Double) -> Double {
    x < -0.6931471805599453 ? log1p(-exp(x)) : log(-expm1(x))
}
