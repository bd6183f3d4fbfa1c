import Routing

/// An evaluation as one page without scripts, and without fonts or pictures from elsewhere. All text is escaped.
struct EvaluationPage {
    let finding: EvaluationFinding

    private var evaluation: RouteEvaluation { finding.evaluation }

    /// How many wrong answers the page shows; `--json` has all.
    private static let shownWrong = 2_000

    var html: String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Routing of \(escape(finding.file))</title>
        <style>
        :root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #2f6fde; }
        body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2.2rem }
        table { border-collapse: collapse; width: 100% } th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
        td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
        .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: .8rem }
        .figures div { border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem }
        .figures b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums }
        svg { max-width: 26rem; width: 100% } p.note { border-left: 3px solid var(--accent); padding-left: .8rem }
        </style>
        </head>
        <body>
        <h1>Routing of \(escape(finding.file))</h1>
        <p>\(evaluation.outcomes.count) texts: \(evaluation.inScopeCount) for an adapter, \(evaluation.outOfScopeCount) for the base.\
        \(finding.known > 0 ? " \(finding.known) of them \(finding.known == 1 ? "is an example" : "are examples") of their adapter: the router looks better on such texts than it is." : "")</p>
        <div class="figures">
        \(figures)
        </div>
        \(evaluation.advice.map { "<p class=\"note\">\(escape(EvaluationFinding.sentence($0)))</p>" }.joined(separator: "\n"))
        \(evaluation.advice.isEmpty ? "" : "<p>\(EvaluationFinding.caveat)</p>")
        <h2>Adapters</h2>
        \(adapters)
        <h2>How far the probabilities can be trusted</h2>
        <p>The share of texts that the best adapter was right for, by its probability. On the diagonal both are the same; the area of a dot
        is the number of texts.</p>
        \(diagram)
        <h2>Confusions</h2>
        \(confusions)
        <h2>Wrong answers</h2>
        \(wrong)
        </body>
        </html>

        """
    }

    private var figures: String {
        (finding.shares.filter { $0.1 != nil }.map { ($0.0, finding.percent($0.1)) }
            + [("calibration error", Figure.decimals(evaluation.reliability.expectedCalibrationError, 3))])
            .map { "<div><b>\(escape($0.1))</b>\(escape($0.0))</div>" }.joined(separator: "\n")
    }

    private var adapters: String {
        table(
            [("adapter", false), ("texts", true), ("right", true), ("left to the base", true), ("answered", true), ("recall", true), ("precision", true),
                ("mean probability", true)],
            evaluation.adapters.map { row in
                [
                    row.adapter, "\(row.texts)", "\(row.right)", "\(row.leftToBase)", "\(row.chosen)", finding.percent(row.recall),
                    finding.percent(row.precision), row.texts > 0 ? Figure.decimals(row.meanProbability, 2) : "-",
                ]
            })
    }

    private var confusions: String {
        evaluation.confusions.isEmpty
            ? "<p>None.</p>"
            : table(
                [("should answer", false), ("answers", false), ("texts", true), ("such as", false)],
                evaluation.confusions.map { [$0.expected ?? "base", $0.chosen ?? "base", "\($0.count)", $0.example.text] })
    }

    private var wrong: String {
        let wrong = evaluation.outcomes.filter { !$0.isRight }
        if wrong.isEmpty { return "<p>None.</p>" }
        let rows = wrong.prefix(Self.shownWrong).map { outcome in
            [
                "\(outcome.text.line)", outcome.text.text, outcome.expected ?? "base", outcome.chosen ?? "base",
                outcome.candidates.map { "\($0.adapter) \(Figure.decimals($0.probability, 2))" }.joined(separator: ", "),
                Figure.decimals(outcome.none, 2),
            ]
        }
        let more = wrong.count > Self.shownWrong ? "<p>The first \(Self.shownWrong) of \(wrong.count).</p>" : ""
        return more + table(
            [("line", true), ("text", false), ("should answer", false), ("answers", false), ("probabilities", false), ("none of them", true)], rows)
    }

    /// 15 bins in a square of 300.
    private var diagram: String {
        let bins = evaluation.reliability.bins.filter { $0.count > 0 }
        let most = Double(bins.map(\.count).max() ?? 1)
        let dots = bins.map { bin -> String in
            let (probability, share) = (bin.probability / Double(bin.count), Double(bin.right) / Double(bin.count))
            let radius = 3 + 11 * (Double(bin.count) / most).squareRoot()
            return "<circle cx=\"\(at(40 + 300 * probability))\" cy=\"\(at(310 - 300 * share))\" r=\"\(at(radius))\" fill=\"var(--accent)\" "
                + "fill-opacity=\".65\"><title>\(bin.count) texts, probability \(Figure.decimals(probability, 2)), right "
                + "\(Figure.decimals(share, 2))</title></circle>"
        }
        let ticks = [0, 25, 50, 75, 100].map { tick -> String in
            let (x, y) = (at(40 + 3 * Double(tick)), at(310 - 3 * Double(tick)))
            return "<text x=\"\(x)\" y=\"328\" text-anchor=\"middle\">\(tick) %</text><text x=\"34\" y=\"\(y)\" text-anchor=\"end\">\(tick) %</text>"
        }
        return """
            <svg viewBox="0 0 368 350" role="img" aria-label="reliability" font-size="10" fill="currentColor">
            <rect x="40" y="10" width="300" height="300" fill="var(--soft)"/>
            <line x1="40" y1="310" x2="340" y2="10" stroke="currentColor" stroke-dasharray="4 4" stroke-opacity=".6"/>
            \(ticks.joined())
            <text x="190" y="344" text-anchor="middle">probability</text>
            \(dots.joined(separator: "\n"))
            </svg>
            """
    }

    private func at(_ value: Double) -> String { Figure.decimals(value, 1) }

    private func table(_ headers: [(name: String, isNumber: Bool)], _ rows: [[String]]) -> String {
        func cell(_ tag: String, _ text: String, _ column: Int) -> String {
            "<\(tag)\(headers[column].isNumber ? " class=\"n\"" : "")>\(escape(text))</\(tag)>"
        }
        let head = headers.indices.map { cell("th", headers[$0].name, $0) }.joined()
        let body = rows.map { row in "<tr>\(row.indices.map { cell("td", row[$0], $0) }.joined())</tr>" }
        return "<table><thead><tr>\(head)</tr></thead><tbody>\n\(body.joined(separator: "\n"))\n</tbody></table>"
    }

    private func escape(_ text: String) -> String { Markup.escaped(text) }
}
