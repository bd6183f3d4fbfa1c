/// Contrastive preference optimisation (Xu et al. 2024): preferences without a reference. `margin` is the log-probability of the chosen
/// answer less that of the rejected one.
///
/// The loss is the mean over pairs of `loss(margin)`, plus `likelihoodWeight` times the mean negative log-likelihood of the chosen
/// answers' tokens.
public struct CPO: Sendable, Equatable {
    public enum Loss: String, Sendable, CaseIterable {
        /// `-log sigmoid(beta margin)`, label smoothing as in DPO's `conservative`; log-probabilities are sums.
        case sigmoid
        /// `max(0, 1 - beta margin)`; log-probabilities are sums.
        case hinge
        /// `(margin - 1/(2 beta))^2`; log-probabilities are means over tokens.
        case ipo
        /// `-log sigmoid(beta margin - gamma)` with label smoothing; log-probabilities are means over tokens (Meng et al. 2024).
        case simpo

        var takesMeans: Bool { self == .ipo || self == .simpo }
        var smoothsLabels: Bool { self == .sigmoid || self == .simpo }
    }

    public let loss: Loss
    public let beta: Double
    /// The share of pairs that is expected to be labelled the wrong way round; only of `sigmoid` and `simpo`.
    public let labelSmoothing: Double
    /// The weight of the likelihood of chosen answers (TRL's `cpo_alpha`); 0 leaves it out.
    public let likelihoodWeight: Double
    /// SimPO's target margin, as a reward; only of `simpo`.
    public let simpoGamma: Double

    /// Throws `invalidSetting` outside these ranges: beta more than 0 and at most 100, label smoothing 0 and less than 0.5, weight and
    /// gamma 0 to 100.
    public init(
        loss: Loss = .sigmoid, beta: Double = 0.1, labelSmoothing: Double = 0, likelihoodWeight: Double = 1, simpoGamma: Double = 0.5
    ) throws(TuningError) {
        try PreferenceRange.beta.check(beta, "beta")
        try PreferenceRange.labelSmoothing.check(labelSmoothing, "label_smoothing")
        try PreferenceRange.weight.check(likelihoodWeight, "cpo_alpha")
        try PreferenceRange.margin.check(simpoGamma, "simpo_gamma")
        guard labelSmoothing == 0 || loss.smoothsLabels else {
            throw TuningError(
                .invalidSetting, "has no effect with the loss \(loss.rawValue): use sigmoid or simpo", field: "label_smoothing")
        }
        self.loss = loss
        self.beta = beta
        self.labelSmoothing = labelSmoothing
        self.likelihoodWeight = likelihoodWeight
        self.simpoGamma = simpoGamma
    }

    /// SimPO as its paper has it: `simpo` without the likelihood of chosen answers.
    public static func simpo(beta: Double = 2, gamma: Double = 0.5) throws(TuningError) -> CPO {
        try CPO(loss: .simpo, beta: beta, likelihoodWeight: 0, simpoGamma: gamma)
    }

    private var marginLoss: MarginLoss {
        switch loss {
        case .sigmoid, .simpo: labelSmoothing == 0 ? .sigmoid : .conservative(labelSmoothing)
        case .hinge: .hinge
        case .ipo: .squared
        }
    }

    func add(_ scored: ScoredExample, _ totals: StepTotals, to result: inout ObjectiveResult) {
        let chosenScale = loss.takesMeans ? 1 / Double(scored.scores[0].policy.count) : 1
        let rejectedScale = loss.takesMeans ? 1 / Double(scored.scores[1].policy.count) : 1
        let chosen = chosenScale * scored.scores[0].sum
        let rejected = rejectedScale * scored.scores[1].sum
        let margin = chosen - rejected - (loss == .simpo ? simpoGamma / beta : 0)
        let (value, slope) = marginLoss.value(margin: margin, beta: beta)
        result.addPair(
            scored, loss: value, slopes: (slope * chosenScale, -slope * rejectedScale), likelihoodWeight: likelihoodWeight, totals)
        result.metrics.addPair(rewards: (beta * chosen, beta * rejected), logProbabilities: (chosen, rejected))
    }
}
