import Routing

/// The doctor's findings as text.
struct DoctorText {
    let findings: [RouteDiagnosis]
    let adapters: Int
    let examples: Int

    var text: String {
        let head = "\(adapters) adapter\(adapters == 1 ? "" : "s") with \(examples) examples"
        guard !findings.isEmpty else { return "\(head): nothing found." }
        let counts = [(RouteDiagnosis.Severity.error, "error"), (.warning, "warning"), (.note, "note")].compactMap { severity, name in
            let count = findings.count { $0.severity == severity }
            return count > 0 ? "\(count) \(name)\(count == 1 ? "" : "s")" : nil
        }
        var lines = ["\(head): \(counts.joined(separator: ", "))."]
        for finding in findings {
            lines += ["", "\(finding.severity.rawValue)  \(finding.adapter): \(finding.message)  [\(finding.kind.rawValue)]"]
            lines += finding.evidence.prefix(Self.shown).map { "         " + line($0, finding.kind) }
            let more = finding.evidence.count - Self.shown
            if more > 0 { lines.append("         and \(more) more (--json has all)") }
            lines.append("         -> \(finding.advice)")
        }
        return lines.joined(separator: "\n")
    }

    /// How many examples of a finding are shown.
    private static let shown = 5

    /// The text with the figures that it is judged by.
    private func line(_ evidence: RouteDiagnosis.Evidence, _ kind: RouteDiagnosis.Kind) -> String {
        let text = shortened(evidence.text, 90)
        switch kind {
        case .mislabelled, .shadowed:
            guard let own = evidence.own, let rival = evidence.rival else { return text }
            return "\(text)  (\(rival.adapter) \(Figure.decimals(rival.score, 2)), its own \(Figure.decimals(own, 2)))"
        case .nearlyShared:
            return text + (evidence.nearest.map { "  ~  \(shortened($0.text, 60))" } ?? "")
        case .stray:
            return text + (evidence.nearest.map { "  (nearest: \(shortened($0.text, 40)), \(Figure.decimals($0.similarity, 2)))" } ?? "")
        default: return text
        }
    }

    private func shortened(_ text: String, _ most: Int) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.count > most ? line.prefix(most - 1) + "…" : line
    }
}
