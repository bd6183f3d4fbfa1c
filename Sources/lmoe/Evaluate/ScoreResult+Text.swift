import Evaluation

/// The result for a terminal.
extension ScoreResult {
    private static let shownCharacters = 240

    /// - Parameter examples: so many of the worst and of the best answers of each adapter.
    func text(examples: Int) -> String {
        var lines = [summary, "", table]
        if names.count > 1 { lines.append(Self.legend) }
        if !notes.isEmpty { lines += [""] + notes.map { "note: \($0)" } }
        guard examples > 0, let leading else { return lines.joined(separator: "\n") }
        for candidate in names.indices where candidate > 0 || names.count == 1 {
            let looked = LookedAt(self, candidate: candidate, count: examples)
            for (title, items) in [("worst", looked.worst), ("best", looked.best)] where !items.isEmpty {
                lines += ["", "\(names[candidate]): \(title) by \(leading.measure.title)"]
                for item in items { lines += ["", example(item, candidate, leading)] }
            }
        }
        return lines.joined(separator: "\n")
    }

    static let legend = "better, worse: the interval of the difference holds no 0; unclear: it does, so that the difference may be chance"

    /// What was scored, in a sentence.
    var summary: String {
        var parts = ["\(file): \(set.items.count) of \(set.fileRows) rows", "base model \(base)"]
        if let maxTokens { parts.append("answers of at most \(maxTokens) tokens") }
        return parts.joined(separator: "; ")
    }

    private var table: String {
        var table = Table(["measure", "by", "score", "95 %", "against base", "95 %", ""], leansRight: [2, 3, 4, 5])
        for row in rows {
            var isFirst = true
            for (name, score) in zip(names, row.scores) {
                guard let score else { continue }
                let measure = row.measure
                table.add(
                    isFirst ? measure.title : "", name, measure.text(score.score.value), measure.text(score.score.interval),
                    score.difference.map { measure.difference($0.value) } ?? "", measure.difference(score.difference?.interval),
                    score.verdict(measure)?.rawValue ?? "")
                isFirst = false
            }
        }
        return table.text
    }

    private func example(_ item: Int, _ candidate: Int, _ leading: Row) -> String {
        let row = set.items[item]
        var lines = ["line \(row.line)  \(Self.shortened(row.question))"]
        if let expected = row.expected { lines.append("  expected: \(Self.shortened(expected))") }
        for shown in Set([0, candidate]).sorted() {
            let score = leading.items[shown][item].map { "(\(leading.measure.text($0)))" } ?? "(-)"
            lines.append("  \(names[shown]) \(score): \(answers[shown][item].map(Self.shortened) ?? "")")
        }
        return lines.joined(separator: "\n")
    }

    /// On one line.
    private static func shortened(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ⏎ ")
        return line.count > shownCharacters ? line.prefix(shownCharacters - 1) + "…" : line
    }
}

extension Measure {
    private var digits: Int {
        switch self {
        case .loss: 4
        case .perplexity: 2
        default: 1
        }
    }

    /// `41.3 %`, `1.2034`.
    func text(_ value: Double) -> String { Figure.decimals(isShare ? 100 * value : value, digits) + (isShare ? " %" : "") }

    func text(_ interval: ClosedRange<Double>?) -> String {
        guard let interval else { return "" }
        func plain(_ value: Double) -> String { Figure.decimals(isShare ? 100 * value : value, digits) }
        return "\(plain(interval.lowerBound)) to \(plain(interval.upperBound))"
    }

    /// With its sign; of shares, in percentage points.
    func difference(_ value: Double) -> String {
        let text = Figure.decimals(isShare ? 100 * value : value, digits)
        return text.hasPrefix("-") ? text : "+\(text)"
    }

    func difference(_ interval: ClosedRange<Double>?) -> String {
        interval.map { "\(difference($0.lowerBound)) to \(difference($0.upperBound))" } ?? ""
    }
}
