internal import Glibc

/// A loss of one pair as a function of its margin: how much more the policy likes the chosen answer than the rejected one.
enum MarginLoss: Equatable {
    /// `-log sigmoid(beta margin)`.
    case sigmoid
    /// `sigmoid` where a share e of the pairs is labelled the wrong way round: `-(1-e) log sigmoid(x) - e log sigmoid(-x)`.
    case conservative(Double)
    /// The unbiased form of the same (Chowdhury et al. 2024): `(-(1-e) log sigmoid(x) + e log sigmoid(-x)) / (1-2e)`.
    case robust(Double)
    /// `max(0, 1 - beta margin)`.
    case hinge
    /// `(margin - 1/(2 beta))^2` (Azar et al. 2023, equation 17).
    case squared

    /// The loss and its derivative by the margin.
    func value(margin: Double, beta: Double) -> (loss: Double, slope: Double) {
        let x = beta * margin
        switch self {
        case .sigmoid:
            return (softplus(-x), -beta * logistic(-x))
        case .conservative(let flipped):
            return (
                (1 - flipped) * softplus(-x) + flipped * softplus(x),
                beta * (flipped * logistic(x) - (1 - flipped) * logistic(-x))
            )
        case .robust(let flipped):
            let scale = 1 / (1 - 2 * flipped)
            return (
                scale * ((1 - flipped) * softplus(-x) - flipped * softplus(x)),
                -scale * beta * (flipped * logistic(x) + (1 - flipped) * logistic(-x))
            )
        case .hinge:
            return x >= 1 ? (0, 0) : (1 - x, -beta)
        case .squared:
            let distance = margin - 1 / (2 * beta)
            return (distance * distance, 2 * distance)
        }
    }
}

/// `1 / (1 + e^-x)` without overflow.
func logistic(_ x: Double) -> Double {
    if x >= 0 { return 1 / (1 + exp(-x)) }
    let power = exp(x)
    return power / (1 + power)
}

/// `log(1 + e^x)`, which is `-log sigmoid(-x)`, without overflow.
func softplus(_ x: Double) -> Double {
    max(x, 0) + log1p(exp(-abs(x)))
}
