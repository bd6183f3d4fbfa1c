import Generation
import JSON

/// What a line of the decision log may hold when prompts are not to be written.
///
/// It is a list of fields that are allowed, not of fields that are left out: a field that a decision gets later is not in the log
/// until it is named here. None of them has a word of a prompt, of an example or of an error that might repeat one.
enum DecisionLine {
    static func withoutTexts(_ decision: RouteDecision) -> JSONObject {
        var object: JSONObject = [
            "adapter": name(decision.adapter), "route": .string(decision.route.rawValue),
            // Names and figures only: the router writes no text of a prompt into it.
            "reason": .string(decision.reason),
            "probability": figure(decision.probability), "none_probability": figure(decision.noneProbability),
            "margin": figure(decision.margin), "threshold": figure(decision.threshold),
            "candidates": .array(
                decision.candidates.map {
                    ["adapter": .string($0.adapter), "probability": figure($0.probability), "score": figure(Double($0.score))]
                }),
            "encoder": .string(decision.encoder),
            "timings_us": [
                "tokenize": microseconds(decision.timings.tokenizeMicroseconds), "embed": microseconds(decision.timings.embedMicroseconds),
                "search": microseconds(decision.timings.searchMicroseconds), "total": microseconds(decision.timings.totalMicroseconds),
            ],
        ]
        add(decision.notes, to: &object)
        return object
    }

    private static func add(_ notes: RouteNotes, to object: inout JSONObject) {
        if let first = notes.first {
            object["first"] = [
                "encoder": .string(first.encoder), "adapter": name(first.adapter), "probability": figure(first.probability),
                "sure": .bool(first.isSure), "us": microseconds(first.microseconds),
            ]
        }
        if let conversation = notes.conversation {
            object["conversation"] = ["adapter": .string(conversation.adapter), "stays": .bool(conversation.stays)]
        }
        if let canary = notes.canary {
            object["canary"] = [
                "of": .string(canary.of), "adapter": .string(canary.adapter), "weight": .number(canary.weight),
                "chosen": .bool(canary.isChosen),
            ]
        }
        if let judgement = notes.judgement {
            object["language_model"] = [
                "choice": name(judgement.choice), "probability": figure(judgement.probability),
                "failed": .bool(judgement.failure != nil), "ms": .number((judgement.milliseconds * 10).rounded() / 10),
            ]
        }
        if notes.isDefault { object["default"] = true }
        if let milliseconds = notes.timeoutMilliseconds { object["timeout_ms"] = .integer(Int64(milliseconds)) }
        if let pieces = notes.pieces { object["pieces"] = .integer(Int64(pieces)) }
    }

    private static func name(_ adapter: String?) -> JSONValue { adapter.map(JSONValue.string) ?? .null }
    private static func figure(_ value: Double?) -> JSONValue { value.map { .number(($0 * 1e4).rounded() / 1e4) } ?? .null }
    private static func microseconds(_ value: Double) -> JSONValue { .number((value * 10).rounded() / 10) }
}
