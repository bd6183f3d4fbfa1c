import Glibc
internal import Tensors

/// From scores to probabilities: that one of the adapters is meant at all, and if so, which.
///
/// - *Scope*: a logistic regression on the greatest score and on how near the text's nearest examples are. Two kinds of evidence: a
///   rule can be sure of a text that is far from everything it has seen.
/// - *Which*: `softmax(sharpness * scores)`.
///
/// Both are fitted to what the rules say of texts that they have not seen (`RidgeFit.heldOut`): examples that were left out are in
/// scope; out of it are examples whose whole adapter was left out, and texts that belong to none.
struct Calibration: Sendable, Equatable {
    struct Sample: Sendable {
        var evidence: Evidence
        /// Nil: out of scope, no adapter should answer.
        var answer: Int?
        /// Of every adapter, for `sharpness`; empty where there is no answer.
        var scores: [Float] = []
    }

    /// What a text's scope is judged by.
    struct Evidence: Sendable, Equatable {
        /// Of the best adapter, and of its like.
        var score: Float
        /// The greatest mean similarity of an adapter's nearest examples.
        var nearness: Float
    }

    var bias: Double
    var scoreWeight: Double
    var nearnessWeight: Double
    var sharpness: Double

    /// Used while there is little to fit: halfway at a score of 0.4 and a similarity of 0.5.
    static let prior = Calibration(bias: -7, scoreWeight: 5, nearnessWeight: 10, sharpness: 15)

    /// That one of the adapters is meant.
    func scope(_ evidence: Evidence) -> Double {
        1 / (1 + exp(-(bias + scoreWeight * Double(evidence.score) + nearnessWeight * Double(evidence.nearness))))
    }

    /// Of each score, that it is the right one if one is.
    func shares(_ scores: [Float]) -> [Double] {
        guard let greatest = scores.max() else { return [] }
        let powers = scores.map { exp(sharpness * Double($0 - greatest)) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }

    // MARK: Fitting

    /// How much all texts without an answer weigh, of those that have one: the fewer adapters there are, the more of what people ask
    /// is for none of them. Never much, since they are harder than what people ask: many are examples of a neighbour that was taken away.
    private static func weightWithoutAnswer(adapters: Int) -> Double { min(1, max(0.03, 2 / Double(max(adapters, 1)))) }
    /// Of the squared distance from the prior, beside a mean over samples: keeps the slope finite where nothing overlaps.
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
            // More evidence is never less probable.
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
