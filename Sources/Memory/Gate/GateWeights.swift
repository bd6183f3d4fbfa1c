/// The weights of the gate's score, `bias + sum of weight * feature`: the logit of the probability that a request means a stored question.
struct GateWeights: Sendable {
    /// In the order of `PairFeatures.values`.
    var values: [Float]
    var bias: Float

    func score(_ features: PairFeatures) -> Float {
        let values = features.values
        precondition(values.count == self.values.count, "\(values.count) features for \(self.values.count) weights")
        return zip(self.values, values).reduce(bias) { $0 + $1.0 * $1.1 }
    }
}
