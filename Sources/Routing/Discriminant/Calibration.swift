import Glibc
internal import Tensors

/// Turns scores into probabilities: that one of the adapters is meant at all, and which one it is then.
///
/// - *Scope*: a logistic regression on the greatest score and on the similarity of the nearest examples. Both are needed: a rule can
///   score a text highly that is far from everything it was trained on.
/// - *Which one*: `softmax(sharpness * scores)`.
///
/// Both are fitted to the rules' scores of texts that they were not trained on (`RidgeFit.heldOut`): examples that were left out are in
/// scope; examples whose whole adapter was left out, and texts of no adapter, are out of scope.
struct Calibration: Sendable, Equatable {
    struct Sample: Sendable {
        var evidence: Evidence
        /// Nil: out of scope, no adapter should answer.
        var answer: Int?
        /// Every adapter's, for `sharpness`; empty where there is no answer.
        var scores: [Float] = []
    }

    /// What the scope of a text is judged by.
    struct Evidence: Sendable, Equatable {
        /// Of the best adapter and those that are alike.
        var score: Float
        /// The greatest mean similarity of an adapter's nearest examples.
        var nearness: Float
    }

    var bias: Double
    var scoreWeight: Double
    var nearnessWeight: Double
    var sharpness: Double

    /// Used while there is little to fit: 0.5 at a score of 0.4 and a similarity of 0.5.
    static let prior = Calibration(bias: -7, scoreWeight: 5, nearnessWeight: 10, sharpness: 15)

    /// The probability that one of the adapters is meant.
    func scope(_ evidence: Evidence) -> Double {
        1 / (1 + exp(-(bias + scoreWeight * Double(evidence.score) + nearnessWeight * Double(evidence.nearness))))
    }

    /// For each score, the probability that it is the right one, given that one is.
    func shares(_ scores: [Float]) -> [Double] {
        guard let greatest = scores.max() else { return [] }
        let powers = scores.map { exp(sharpness * Double($0 - greatest)) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }

    // MARK: Fitting

    /// The weight of all texts without an answer, relative to those with one: the fewer adapters there are, the more requests are for none
    /// of them. It is never large, since these texts are harder than real requests: many are examples of a similar adapter that was left out.
    private static func weightWithoutAnswer(adapters: Int) -> Double { min(1, max(0.03, 2 / Double(max(adapters, 1)))) }
    /// The weight of the squared distance from the prior, relative to a mean over samples: it keeps the slope finite where the classes do
    /// not overlap.
    private static let ridge = 1e-4
    private static let sharpnesses = stride(from: 2.0, through: 40, by: 1)

    static func fit(_ samples: [Sample], adapters: Int) -> Calibration {
        var fitted = prior
        let answered = samples.filter { $0.answer != nil }
        let told = answered.filter { !$0.scores.isEmpty }
        if told.count >= 8, let best = sharpnesses.min(by: { loss($0, told) < loss($1, told) }) {
            fitted.sharpness = best
        }
        let others = samples.count - answered.count
        guard answered.count >= 8, others >= 8 else { return fitted }
        var weights = [prior.bias, prior.scoreWeight, prior.nearnessWeight]
        let center = weights
        let weight = (answered: 1 / Double(answered.count), other: weightWithoutAnswer(adapters: adapters) / Double(others))
        for _ in 0..<50 {
            var gradient = zip(weights, center).map { ridge * ($0 - $1) }
            var hessian = [Double](repeating: 0, count: 9)
            for index in 0..<3 { hessian[4 * index] = ridge }
            for sample in samples {
                let features = [1, Double(sample.evidence.score), Double(sample.evidence.nearness)]
                let probability = 1 / (1 + exp(-zip(weights, features).reduce(0) { $0 + $1.0 * $1.1 }))
                let isIn = sample.answer != nil
                let own = isIn ? weight.answered : weight.other
                for row in 0..<3 {
                    gradient[row] += own * (probability - (isIn ? 1 : 0)) * features[row]
                    for column in 0..<3 {
                        hessian[3 * row + column] += own * probability * (1 - probability) * features[row] * features[column]
                    }
                }
            }
            guard let factor = CholeskyFactor(hessian, order: 3) else { break }
            factor.solve(&gradient, columns: 1)
            for index in 0..<3 { weights[index] -= min(max(gradient[index], -4), 4) }
            // More evidence never makes the scope less probable.
            for index in 1..<3 { weights[index] = max(weights[index], 0) }
            if gradient.allSatisfy({ abs($0) < 1e-7 }) { break }
        }
        guard weights.allSatisfy(\.isFinite) else { return fitted }
        (fitted.bias, fitted.scoreWeight, fitted.nearnessWeight) = (weights[0], weights[1], weights[2])
        return fitted
    }

    /// Mean negative log-probability of the right answers.
    private static func loss(_ sharpness: Double, _ samples: [Sample]) -> Double {
        let calibration = Calibration(bias: 0, scoreWeight: 0, nearnessWeight: 0, sharpness: sharpness)
        return samples.reduce(0) { sum, sample in
            guard let answer = sample.answer, sample.scores.indices.contains(answer) else { return sum }
            return sum - log(max(calibration.shares(sample.scores)[answer], 1e-12))
        }
    }
}
