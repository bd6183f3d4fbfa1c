import Evaluation
import JSON

/// The result for machines.
extension ScoreResult {
    /// - Parameter examples: so many of the worst and of the best answers of each adapter.
    func json(examples: Int) -> JSONValue {
        [
            "file": .string(file), "base": .string(base), "rows": count(set.fileRows), "scored": count(set.items.count),
            "seed": .integer(Int64(bitPattern: seed)), "max_tokens": maxTokens.map(count) ?? .null,
            "likelihoods": likelihoods.map { .string($0.rawValue) } ?? .null,
            "candidates": .array(names.indices.map(candidate)), "notes": .array(notes.map(JSONValue.string)),
            "examples": .array(examples > 0 ? names.indices.flatMap { looked($0, examples) } : []),
        ]
    }

    private func candidate(_ index: Int) -> JSONValue {
        var measures = JSONObject()
        for row in rows {
            guard let score = row.scores[index] else {
                measures[row.measure.rawValue] = .null
                continue
            }
            measures[row.measure.rawValue] = [
                "value": .number(score.score.value), "interval": interval(score.score.interval), "rows": count(score.rows),
                "difference": score.difference.map { .number($0.value) } ?? .null,
                "difference_interval": interval(score.difference?.interval),
                "verdict": score.verdict(row.measure).map { .string($0.rawValue) } ?? .null,
            ]
        }
        return [
            "name": .string(names[index]), "version": versions[index].map(JSONValue.string) ?? .null, "measures": .object(measures),
        ]
    }

    private func looked(_ candidate: Int, _ examples: Int) -> [JSONValue] {
        guard candidate > 0 || names.count == 1, let leading else { return [] }
        let looked = LookedAt(self, candidate: candidate, count: examples)
        return [("worst", looked.worst), ("best", looked.best)].flatMap { kind, items in
            items.map { item in example(kind, item, candidate, leading) }
        }
    }

    private func example(_ kind: String, _ item: Int, _ candidate: Int, _ leading: Row) -> JSONValue {
        let row = set.items[item]
        var answers = JSONObject()
        for shown in Set([0, candidate]).sorted() {
            answers[names[shown]] = [
                "answer": self.answers[shown][item].map(JSONValue.string) ?? .null,
                "score": leading.items[shown][item].map { .number($0) } ?? .null,
            ]
        }
        return [
            "candidate": .string(names[candidate]), "kind": .string(kind), "measure": .string(leading.measure.rawValue),
            "line": count(row.line), "question": .string(row.question), "expected": row.expected.map(JSONValue.string) ?? .null,
            "answers": .object(answers),
        ]
    }

    private func count(_ value: Int) -> JSONValue { .integer(Int64(value)) }

    private func interval(_ interval: ClosedRange<Double>?) -> JSONValue {
        interval.map { .array([.number($0.lowerBound), .number($0.upperBound)]) } ?? .null
    }
}
