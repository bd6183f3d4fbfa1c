import JSON
import Routing

/// An evaluation for people and for machines.
struct EvaluationFinding {
    let evaluation: RouteEvaluation
    let file: String
    /// How many texts are examples of their adapter.
    let known: Int

    /// How many rows the tables show; the page and the JSON have all.
    private static let (shownConfusions, shownAdapters) = (10, 20)

    var text: String {
        var lines = ["\(evaluation.outcomes.count) texts: \(evaluation.inScopeCount) for an adapter, \(evaluation.outOfScopeCount) for the base"]
        if known > 0 { lines.append("\(known) of them \(known == 1 ? "is an example" : "are examples") of their adapter: the router looks better on such texts than it is") }
        var figures = Table(["measure", "value"], leansRight: [1])
        for (name, value) in shares { figures.add(name, percent(value)) }
        figures.add("calibration error", Figure.decimals(evaluation.reliability.expectedCalibrationError, 3))
        lines += ["", figures.text, "", adapterTable]
        let confusions = evaluation.confusions
        if !confusions.isEmpty {
            var table = Table(["should answer", "answers", "texts", "such as"], leansRight: [2])
            for confusion in confusions.prefix(Self.shownConfusions) {
                table.add(
                    confusion.expected ?? "base", confusion.chosen ?? "base", "\(confusion.count)",
                    "line \(confusion.example.line): \(shortened(confusion.example.text))")
            }
            lines += ["", table.text]
            if confusions.count > Self.shownConfusions { lines.append("and \(confusions.count - Self.shownConfusions) pairs more (--json, --report)") }
        }
        let advice = evaluation.advice
        if !advice.isEmpty {
            var table = Table(["adapter", "threshold", "better", "best for", "right minus wrong", "would be"], leansRight: [1, 2, 3, 4, 5])
            for advice in advice {
                table.add(
                    advice.adapter, Figure.decimals(advice.current, 2), Figure.decimals(advice.better, 2), "\(advice.texts)", "\(advice.before)",
                    "\(advice.after)")
            }
            lines += ["", "Thresholds that would have been better, for the texts for which an adapter is the best candidate:", table.text, Self.caveat]
        }
        return lines.joined(separator: "\n")
    }

    /// The figures that are shares, with names for people.
    var shares: [(String, Double?)] {
        [
            ("went where they should", evaluation.rightShare), ("right adapter first", evaluation.accuracy),
            ("right adapter among three", evaluation.topThree), ("for an adapter: by the right one", evaluation.matched),
            ("for an adapter: by a wrong one", evaluation.mismatched), ("for an adapter: by the base", evaluation.fellBack),
            ("for the base: by the base", evaluation.outOfScopeFellBack),
            ("for the base: found, 95 % of the others kept", evaluation.outOfScopeRecall),
        ]
    }

    /// All adapters by name; where there are many, the worst first.
    private var adapterTable: String {
        let rows = evaluation.adapters
        var table = Table(
            ["adapter", "texts", "right", "left to the base", "answered", "recall", "precision", "mean probability"],
            leansRight: [1, 2, 3, 4, 5, 6, 7])
        func worth(_ row: RouteEvaluation.AdapterRow) -> Double { min(row.recall ?? 1, row.precision ?? 1) }
        let isLong = rows.count > Self.shownAdapters
        let shown = isLong ? Array(rows.sorted { (worth($0), $0.adapter) < (worth($1), $1.adapter) }.prefix(Self.shownAdapters)) : rows
        for row in shown {
            table.add(
                row.adapter, "\(row.texts)", "\(row.right)", "\(row.leftToBase)", "\(row.chosen)", percent(row.recall),
                percent(row.precision), row.texts > 0 ? Figure.decimals(row.meanProbability, 2) : "-")
        }
        guard isLong else { return table.text }
        return table.text + "\nand \(rows.count - shown.count) adapters that do better (--json, --report)"
    }

    static let caveat = "They were chosen on these texts: try them on others before you use them."

    static func sentence(_ advice: ThresholdAdvice) -> String {
        "\(advice.adapter): with `threshold: \(Figure.decimals(advice.better, 2))` instead of \(Figure.decimals(advice.current, 2)), right answers "
            + "minus wrong ones would be \(advice.after) instead of \(advice.before) of the \(advice.texts) texts for which it is the best."
    }

    func percent(_ value: Double?) -> String { value.map { "\(Figure.decimals(100 * $0, 1)) %" } ?? "-" }

    private func shortened(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.count > 60 ? line.prefix(59) + "…" : line
    }

    // MARK: JSON

    var json: JSONValue {
        func number(_ value: Double?) -> JSONValue { value.map { .number(($0 * 1e4).rounded() / 1e4) } ?? .null }
        func count(_ value: Int) -> JSONValue { .integer(Int64(value)) }
        func name(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }
        let adapters: [JSONValue] = evaluation.adapters.map { row in
            [
                "adapter": .string(row.adapter), "texts": count(row.texts), "right": count(row.right), "left_to_base": count(row.leftToBase),
                "answered": count(row.chosen), "recall": number(row.recall), "precision": number(row.precision),
                "mean_probability": row.texts > 0 ? number(row.meanProbability) : .null,
            ]
        }
        let confusions: [JSONValue] = evaluation.confusions.map { confusion in
            [
                "expected": name(confusion.expected), "chosen": name(confusion.chosen), "texts": count(confusion.count),
                "example": ["line": count(confusion.example.line), "text": .string(confusion.example.text)],
            ]
        }
        let wrong: [JSONValue] = evaluation.outcomes.filter { !$0.isRight }.map { outcome in
            [
                "line": count(outcome.text.line), "text": .string(outcome.text.text), "expected": name(outcome.expected),
                "chosen": name(outcome.chosen), "best": name(outcome.best?.adapter), "probability": number(outcome.best?.probability),
                "none_probability": number(outcome.none),
            ]
        }
        let advice: [JSONValue] = evaluation.advice.map { advice in
            [
                "adapter": .string(advice.adapter), "threshold": number(advice.current), "better": number(advice.better),
                "texts": count(advice.texts), "right_less_wrong": count(advice.before), "right_less_wrong_then": count(advice.after),
            ]
        }
        return [
            "texts": count(evaluation.outcomes.count), "in_scope": count(evaluation.inScopeCount),
            "out_of_scope": count(evaluation.outOfScopeCount), "among_examples": count(known),
            "right": number(evaluation.rightShare), "accuracy": number(evaluation.accuracy), "top3_accuracy": number(evaluation.topThree),
            "matched": number(evaluation.matched), "mismatched": number(evaluation.mismatched), "fell_back": number(evaluation.fellBack),
            "out_of_scope_fell_back": number(evaluation.outOfScopeFellBack), "out_of_scope_recall": number(evaluation.outOfScopeRecall),
            "expected_calibration_error": number(evaluation.reliability.expectedCalibrationError),
            "adapters": .array(adapters), "confusions": .array(confusions), "thresholds": .array(advice), "wrong": .array(wrong),
        ]
    }
}
