import Generation
import Routing

/// A decision as text.
struct RouteText {
    let decision: RouteDecision

    /// `bash`, or `base`.
    var name: String { decision.adapter ?? "base" }

    /// `bash 0.97`, as a chat shows it; cut, not rounded, so that no figure becomes 1.
    var label: String {
        switch decision.route {
        case .explicit: name
        case .matched: decision.probability.map { "\(name) \(Figure.decimals(cut($0), 2))" } ?? name
        case .fallback: decision.probability.map { "\(name), best \(Figure.decimals(cut($0), 2))" } ?? name
        }
    }

    private func cut(_ probability: Double) -> Double { (probability * 100).rounded(.down) / 100 }

    /// The whole explanation.
    var explanation: String {
        var lines = ["\(name)  (\(decision.route.rawValue))", decision.reason, ""]
        lines.append("text       \(decision.text)")
        if let original = decision.original { lines.append("as it came \(original)") }
        if let first = decision.notes.first {
            let opinion = first.adapter.map { "\($0) with \(optional(first.probability))" } ?? "nothing"
            lines.append("asked first \(first.encoder): \(opinion), \(first.isSure ? "sure" : "not sure") (\(microseconds(first.microseconds)))")
        }
        if let probability = decision.probability {
            lines.append(
                "probability \(Figure.decimals(probability, 4))  threshold \(optional(decision.threshold))  "
                    + "margin \(optional(decision.margin))  none of them \(optional(decision.noneProbability))"
            )
        }
        if !decision.candidates.isEmpty {
            var table = Table(["candidate", "probability", "score", "threshold", "nearest example"], leansRight: [1, 2, 3])
            for candidate in decision.candidates {
                let nearest = candidate.nearest.first.map {
                    "\(Figure.decimals(Double($0.similarity), 3)) \(shortened($0.text))"
                }
                table.add(
                    candidate.adapter, Figure.decimals(candidate.probability, 4),
                    Figure.decimals(Double(candidate.score), 4),
                    Figure.decimals(candidate.threshold, 2), nearest ?? "")
            }
            lines += ["", table.text]
        }
        let timings = decision.timings
        lines += [
            "",
            "\(decision.encoder): tokenize \(microseconds(timings.tokenizeMicroseconds)), "
                + "embed \(microseconds(timings.embedMicroseconds)), "
                + "search \(microseconds(timings.searchMicroseconds)), total \(microseconds(timings.totalMicroseconds))",
        ]
        return lines.joined(separator: "\n")
    }

    private func optional(_ value: Double?) -> String { value.map { Figure.decimals($0, 4) } ?? "-" }
    private func microseconds(_ value: Double) -> String { "\(Figure.decimals(value, 0)) us" }

    private func shortened(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.count > 60 ? line.prefix(59) + "…" : line
    }
}
