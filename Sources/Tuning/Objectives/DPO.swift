/// Direct preference optimisation (Rafailov et al. 2023): with reference, `margin = log(policy/reference)` of the chosen answer less
/// that of the rejected one, both summed over the answer's tokens.
///
/// The loss is the mean over pairs of `loss(margin)`, plus `supervisedWeight` times the mean negative log-likelihood of the chosen
/// answers' tokens (RPO, Pang et al. 2024; TRL's `sft` beside another loss).
public struct DPO: Sendable, Equatable {
    public enum Loss: String, Sendable, CaseIterable {
        /// `-log sigmoid(beta margin)`.
        case sigmoid
        /// The same with label smoothing, as older versions of TRL computed it.
        case conservative
        /// Unbiased when a share `labelSmoothing` of the pairs is labelled the wrong way round (Chowdhury et al. 2024).
        case robust
        /// `max(0, 1 - beta margin)` (SLiC, Zhao et al. 2023).
        case hinge
        /// `(margin - 1/(2 beta))^2` with log-ratios divided by the answer's tokens (Azar et al. 2023).
        case ipo
        /// `sigmoid` with log-ratios divided by the answer's tokens.
        case sigmoidNorm = "sigmoid_norm"

        /// Whether log-ratios are divided by the answer's tokens.
        var takesMeans: Bool { self == .ipo || self == .sigmoidNorm }
        var smoothsLabels: Bool { self == .conservative || self == .robust }
    }

    public let loss: Loss
    /// How strongly the policy is held to the reference; more is closer.
    public let beta: Double
    /// The share of pairs that is expected to be labelled the wrong way round; only of `conservative` and `robust`.
    public let labelSmoothing: Double
    /// The weight of the likelihood of chosen answers; 0 leaves it out.
    public let supervisedWeight: Double

    /// Throws `invalidSetting` outside these ranges: beta more than 0 and at most 100, label smoothing from 0 and less than 0.5, weight 0
    /// to 100.
    public init(
        loss: Loss = .sigmoid, beta: Double = 0.1, labelSmoothing: Double = 0, supervisedWeight: Double = 0
    ) throws(TuningError) {
        try PreferenceRange.beta.check(beta, "beta")
        try PreferenceRange.labelSmoothing.check(labelSmoothing, "label_smoothing")
        try PreferenceRange.weight.check(supervisedWeight, "sft_weight")
        guard labelSmoothing == 0 || loss.smoothsLabels else {
            throw TuningError(
                .invalidSetting, "has no effect with the loss \(loss.rawValue): use conservative or robust", field: "label_smoothing")
        }
        self.loss = loss
        self.beta = beta
        self.labelSmoothing = labelSmoothing
        self.supervisedWeight = supervisedWeight
    }

    private var marginLoss: MarginLoss {
        switch loss {
        case .sigmoid, .sigmoidNorm: .sigmoid
        case .conservative: .conservative(labelSmoothing)
        case .robust: .robust(labelSmoothing)
        case .hinge: .hinge
        case .ipo: .squared
        }
    }

    func add(_ scored: ScoredExample, _ totals: StepTotals, to result: inout ObjectiveResult) {
        let chosen = scored.scores[0]
        let rejected = scored.scores[1]
        let chosenScale = loss.takesMeans ? 1 / Double(chosen.policy.count) : 1
        let rejectedScale = loss.takesMeans ? 1 / Double(rejected.policy.count) : 1
        let margin = chosenScale * chosen.logRatio - rejectedScale * rejected.logRatio
        let (value, slope) = marginLoss.value(margin: margin, beta: beta)
        result.addPair(
            scored, loss: value, slopes: (slope * chosenScale, -slope * rejectedScale), likelihoodWeight: supervisedWeight, totals)
        result.metrics.addPair(
            rewards: (beta * chosen.logRatio, beta * rejected.logRatio), logProbabilities: (chosen.sum, rejected.sum))
    }
}
