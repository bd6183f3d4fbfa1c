public import JSON

extension RouteDecision {
    /// The explanation that `/v1/route` and `lmoe route --json` show.
    public var json: JSONValue {
        var object = JSONObject()
        object["adapter"] = adapter.map(JSONValue.string) ?? .null
        object["route"] = .string(route.rawValue)
        object["reason"] = .string(reason)
        object["probability"] = number(probability)
        object["none_probability"] = number(noneProbability)
        object["margin"] = number(margin)
        object["threshold"] = number(threshold)
        object["text"] = .string(text)
        if let original { object["original"] = .string(original) }
        object["candidates"] = .array(candidates.map(\.json))
        object["encoder"] = .string(encoder)
        object["timings_us"] = [
            "tokenize": rounded(timings.tokenizeMicroseconds, 10), "embed": rounded(timings.embedMicroseconds, 10),
            "search": rounded(timings.searchMicroseconds, 10), "total": rounded(timings.totalMicroseconds, 10),
        ]
        notes.add(to: &object)
        return .object(object)
    }
}

extension RouteDecision.Candidate {
    var json: JSONValue {
        [
            "adapter": .string(adapter), "probability": rounded(probability, 1e4), "score": rounded(Double(score), 1e4),
            "threshold": rounded(threshold, 1e4),
            "nearest": .array(nearest.map { ["text": .string($0.text), "similarity": rounded(Double($0.similarity), 1e4)] }),
        ]
    }
}

private func number(_ value: Double?) -> JSONValue { value.map { rounded($0, 1e4) } ?? .null }

private func rounded(_ value: Double, _ scale: Double) -> JSONValue {
    .number((value * scale).rounded() / scale)
}
