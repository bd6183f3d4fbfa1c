import JSON

extension RouteNotes {
    /// Adds the explanation's members; those that are nil, false or empty are left out.
    func add(to object: inout JSONObject) {
        if let first {
            object["first"] = [
                "encoder": .string(first.encoder), "adapter": first.adapter.map(JSONValue.string) ?? .null,
                "probability": first.probability.map { .number(($0 * 1e4).rounded() / 1e4) } ?? .null, "sure": .bool(first.isSure),
                "us": .number((first.microseconds * 10).rounded() / 10),
            ]
        }
        if let conversation {
            object["conversation"] = ["adapter": .string(conversation.adapter), "stays": .bool(conversation.stays)]
        }
        if let canary {
            object["canary"] = [
                "of": .string(canary.of), "adapter": .string(canary.adapter), "weight": .number(canary.weight),
                "chosen": .bool(canary.isChosen),
            ]
        }
        if let judgement {
            object["language_model"] = [
                "choice": judgement.choice.map(JSONValue.string) ?? .null,
                "probability": judgement.probability.map { .number(($0 * 1e4).rounded() / 1e4) } ?? .null,
                "failure": judgement.failure.map(JSONValue.string) ?? .null,
                "ms": .number((judgement.milliseconds * 10).rounded() / 10),
            ]
        }
        if isDefault { object["default"] = true }
        if let timeoutMilliseconds { object["timeout_ms"] = .integer(Int64(timeoutMilliseconds)) }
        if !unavailable.isEmpty { object["unavailable"] = .array(unavailable.map(JSONValue.string)) }
        if let pieces { object["pieces"] = .integer(Int64(pieces)) }
    }
}
