import Evaluation

/// The result as one page without scripts, and without fonts or pictures from elsewhere. All text is escaped.
struct ScorePage {
    let result: ScoreResult
    /// Of the worst and of the best answers of each adapter.
    let examples: Int

    var html: String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Scores of \(escape(result.file))</title>
        <style>
        :root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #2f6fde; }
        body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2.2rem } h3 { font-size: 1rem; margin: 1.4rem 0 .4rem }
        table { border-collapse: collapse; width: 100% } th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
        td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
        svg { max-width: 54rem; width: 100% } p.note { border-left: 3px solid var(--accent); padding-left: .8rem }
        section { border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; margin: .7rem 0 }
        section > p { margin: 0 0 .5rem } .answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: .7rem }
        pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .2rem 0 0; padding: .5rem; background: var(--soft); border-radius: .3rem; font-size: 13px }
        small { opacity: .75 }
        </style>
        </head>
        <body>
        <h1>Scores of \(escape(result.file))</h1>
        <p>\(escape(result.summary)).</p>
        \(result.notes.map { "<p class=\"note\">\(escape($0))</p>" }.joined(separator: "\n"))
        <h2>Scores with their 95 % intervals</h2>
        \(ScorePicture(result: result).svg)
        <h2>Table</h2>
        \(table)
        <p><small>\(ScoreResult.legend). Differences of shares are percentage points.</small></p>
        \(answers)
        </body>
        </html>

        """
    }

    private var table: String {
        let headers = ["measure", "by", "score", "95 %", "against base", "95 %", "", "rows"]
        let numbers: Set<Int> = [2, 3, 4, 5, 7]
        func cells(_ tag: String, _ texts: [String]) -> String {
            let cells = texts.enumerated().map { "<\(tag)\(numbers.contains($0) ? " class=\"n\"" : "")>\(escape($1))</\(tag)>" }
            return "<tr>\(cells.joined())</tr>"
        }
        var lines: [String] = []
        for row in result.rows {
            for (name, score) in zip(result.names, row.scores) {
                guard let score else { continue }
                let measure = row.measure
                lines.append(
                    cells(
                        "td",
                        [
                            measure.title, name, measure.text(score.score.value), measure.text(score.score.interval),
                            score.difference.map { measure.difference($0.value) } ?? "", measure.difference(score.difference?.interval),
                            score.verdict(measure)?.rawValue ?? "", "\(score.rows)",
                        ]))
            }
        }
        return "<table><thead>\(cells("th", headers))</thead><tbody>\n\(lines.joined(separator: "\n"))\n</tbody></table>"
    }

    private var answers: String {
        guard let leading = result.leading else { return "" }
        var parts: [String] = []
        for candidate in result.names.indices where candidate > 0 || result.names.count == 1 {
            let looked = LookedAt(result, candidate: candidate, count: examples)
            parts.append("<h2>Answers of \(escape(result.names[candidate])) by \(leading.measure.title)</h2>")
            for (title, items) in [("The worst", looked.worst), ("The best", looked.best)] where !items.isEmpty {
                parts.append("<h3>\(title)</h3>")
                parts += items.map { example($0, candidate, leading) }
            }
        }
        return parts.joined(separator: "\n")
    }

    private func example(_ item: Int, _ candidate: Int, _ leading: ScoreResult.Row) -> String {
        let row = result.set.items[item]
        var columns: [(title: String, text: String?)] = [("expected", row.expected)]
        for shown in Set([0, candidate]).sorted() {
            let score = leading.items[shown][item].map(leading.measure.text) ?? "-"
            columns.append(("\(result.names[shown]): \(score)", result.answers[shown][item]))
        }
        let cells = columns.map { "<div><small>\(escape($0.title))</small><pre>\(escape($0.text ?? ""))</pre></div>" }
        return """
            <section><p><small>line \(row.line)</small> \(escape(row.question))</p>
            <div class="answers">
            \(cells.joined(separator: "\n"))
            </div></section>
            """
    }

    private func escape(_ text: String) -> String { Markup.escaped(text) }
}
