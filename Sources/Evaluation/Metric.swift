/// What a person asks to be scored. A metric gives one measure or two.
public enum Metric: String, CaseIterable, Sendable {
    /// The loss of the answers' tokens, as tuning computes it, and its exponential.
    case loss
    case exact
    case squadExact = "squad-exact"
    case f1
    case rougeL = "rouge-l"
    case sql
    case number
    case choice

    public var measures: [Measure] {
        switch self {
        case .loss: [.loss, .perplexity]
        case .exact: [.exact]
        case .squadExact: [.squadExact]
        case .f1: [.f1]
        case .rougeL: [.rougeL]
        case .sql: [.sql]
        case .number: [.number]
        case .choice: [.accuracy, .normalisedAccuracy]
        }
    }

    /// Whether answers have to be generated.
    public var needsAnswers: Bool { self != .loss && self != .choice }

    /// Names with commas between them. Errors: `invalidSetting`.
    public static func list(_ text: String) throws(EvaluationError) -> [Metric] {
        var metrics: [Metric] = []
        for part in text.split(separator: ",") {
            let name = String(part.filter { !$0.isWhitespace })
            guard let metric = Metric(rawValue: name) else {
                let known = allCases.map(\.rawValue).joined(separator: ", ")
                throw EvaluationError(.invalidSetting, "expected some of \(known), found `\(name)`", place: "--metrics")
            }
            if !metrics.contains(metric) { metrics.append(metric) }
        }
        guard !metrics.isEmpty else { throw EvaluationError(.invalidSetting, "no metric is named", place: "--metrics") }
        return metrics
    }
}

/// One figure of the result: a mean over rows.
public enum Measure: String, CaseIterable, Sendable {
    /// Nats a token.
    case loss
    case perplexity
    case exact
    case squadExact = "squad_exact"
    case f1
    case rougeL = "rouge_l"
    case sql
    case number
    case accuracy = "acc"
    case normalisedAccuracy = "acc_norm"

    /// For people.
    public var title: String {
        switch self {
        case .loss: "held-out loss"
        case .perplexity: "perplexity"
        case .exact: "exact match"
        case .squadExact: "exact match (SQuAD)"
        case .f1: "token F1"
        case .rougeL: "ROUGE-L"
        case .sql: "SQL execution"
        case .number: "numeric answer"
        case .accuracy: "choice"
        case .normalisedAccuracy: "choice, by length"
        }
    }

    /// A share of 1, for people a percentage.
    public var isShare: Bool { self != .loss && self != .perplexity }

    public var isLowerBetter: Bool { !isShare }
}
