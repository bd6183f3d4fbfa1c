import Glibc

/// Turns a similarity into a probability: `sigmoid(bias + scoreWeight * score + marginWeight * (score - rival))`.
///
/// Raw similarities are no confidence: they differ from encoder to encoder and from task to task. The weights are a
/// logistic regression (Platt scaling with a second feature) over what the index itself can tell:
/// - each example, left out of its own adapter: right when that adapter still wins;
/// - the same example with its adapter taken away: whatever wins then is wrong;
/// - general prompts that belong to no adapter (`BackgroundTexts`): whatever wins is wrong.
struct Calibration: Sendable, Equatable {
    struct Sample: Equatable {
        var score: Float
        var margin: Float
        var isRight: Bool
    }

    var bias: Double
    var scoreWeight: Double
    var marginWeight: Double

    /// Used while there is nothing to fit: halfway at a cosine of 0.45.
    static let prior = Calibration(bias: -9, scoreWeight: 20, marginWeight: 0)

    func probability(score: Float, margin: Float) -> Double {
        1 / (1 + exp(-(bias + scoreWeight * Double(score) + marginWeight * Double(margin))))
    }

    /// Ridge-regularised Newton iterations on standardised features, both classes at equal weight; `O(samples)` each.
    ///
    /// The ridge keeps the slope finite where the classes are separable, as they are for distinct adapters.
    static func fit(_ samples: [Sample]) -> Calibration {
        let right = samples.count { $0.isRight }
        guard right > 0, right < samples.count else { return prior }
        let scores = Scale(samples.map { Double($0.score) })
        let margins = Scale(samples.map { Double($0.margin) })
        let classWeight = (right: 0.5 / Double(right), wrong: 0.5 / Double(samples.count - right))
        var weights = [0.0, 0.0, 0.0]
        for _ in 0..<50 {
            var gradient = [0, ridge * weights[1], ridge * weights[2]]
            var hessian = [[1e-9, 0, 0], [0, ridge, 0], [0, 0, ridge]]
            for sample in samples {
                let features = [1, scores.apply(Double(sample.score)), margins.apply(Double(sample.margin))]
                let logit = zip(weights, features).reduce(0) { $0 + $1.0 * $1.1 }
                let probability = 1 / (1 + exp(-logit))
                let weight = sample.isRight ? classWeight.right : classWeight.wrong
                for row in 0..<3 {
                    gradient[row] += weight * (probability - (sample.isRight ? 1 : 0)) * features[row]
                    for column in 0..<3 {
                        hessian[row][column] +=
                            weight * probability * (1 - probability) * features[row] * features[column]
                    }
                }
            }
            guard let step = solve(hessian, gradient) else { break }
            for index in 0..<3 { weights[index] -= min(max(step[index], -2), 2) }
            // More similar is never less probable: projected onto weights that are not negative.
            for index in 1..<3 { weights[index] = max(weights[index], 0) }
            if step.allSatisfy({ abs($0) < 1e-7 }) { break }
        }
        guard weights.allSatisfy(\.isFinite) else { return prior }
        return Calibration(
            bias: weights[0] - weights[1] * scores.mean / scores.deviation
                - weights[2] * margins.mean / margins.deviation,
            scoreWeight: weights[1] / scores.deviation, marginWeight: weights[2] / margins.deviation)
    }

    private static let ridge = 2e-3

    private struct Scale {
        var mean: Double
        /// 1 for a feature that never varies.
        var deviation: Double

        init(_ values: [Double]) {
            let mean = values.reduce(0, +) / Double(values.count)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
            self.mean = mean
            deviation = variance > 1e-12 ? variance.squareRoot() : 1
        }

        func apply(_ value: Double) -> Double { (value - mean) / deviation }
    }

    /// Gaussian elimination with pivoting of a 3 x 3 system.
    private static func solve(_ matrix: [[Double]], _ right: [Double]) -> [Double]? {
        var rows = zip(matrix, right).map { $0 + [$1] }
        for column in 0..<3 {
            guard let pivot = (column..<3).max(by: { abs(rows[$0][column]) < abs(rows[$1][column]) }),
                abs(rows[pivot][column]) > 1e-12
            else { return nil }
            rows.swapAt(column, pivot)
            for row in 0..<3 where row != column {
                let factor = rows[row][column] / rows[column][column]
                for index in column..<4 { rows[row][index] -= factor * rows[column][index] }
            }
        }
        return (0..<3).map { rows[$0][3] / rows[$0][$0] }
    }
}
