import Routing

/// Findings of the doctor for people.
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
            lines += ["", "\(finding.severity.rawValue)  \(finding.adapter): \(finding.message)"]
            lines += finding.texts.map { "         \(shortened($0))" }
            lines.append("         -> \(finding.advice)")
        }
        return lines.joined(separator: "\n")
    }

    private func shortened(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.count > 90 ? line.prefix(89) + "…" : line
    }
}
