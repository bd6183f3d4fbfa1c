import Generation
import JSON

/// Facts on the wire.
enum MemoryShape {
    static func fact(_ fact: RememberedFact, _ outcome: ToldFact.Outcome? = nil) -> JSONValue {
        var object: JSONObject = [
            "id": .string(FactName(memory: fact.memory, id: fact.id).text), "object": "memory", "memory": .string(fact.memory),
            "question": .string(fact.question), "answer": .string(fact.answer),
            "paraphrases": .array(fact.paraphrases.map(JSONValue.string)), "source": fact.source.map(JSONValue.string) ?? .null,
            "created_at": .integer(Int64(fact.createdAt)),
        ]
        if let outcome { object["status"] = .string(outcome.rawValue) }
        return .object(object)
    }

    /// What became of each fact of a request: the fact, or `{"object": "error", "error": …}` in its place.
    static func list(_ results: [Result<(fact: RememberedFact, outcome: ToldFact.Outcome), APIError>]) -> JSONValue {
        let data = results.map { result -> JSONValue in
            switch result {
            case .success(let stored): return fact(stored.fact, stored.outcome)
            case .failure(let error):
                let body = ErrorDialect.openAI.body(error)
                guard case .object(var object) = body else { return body }
                object["object"] = "error"
                return .object(object)
            }
        }
        return ["object": "list", "data": .array(data)]
    }

    /// `next_after` is the next call's `after`.
    static func page(_ page: FactPage, of memory: String) -> JSONValue {
        [
            "object": "list", "data": .array(page.facts.map { fact($0) }), "has_more": .bool(page.next != nil),
            "next_after": page.next.map { .string(FactName(memory: memory, id: $0).text) } ?? .null,
        ]
    }

    static func deleted(_ name: FactName) -> JSONValue { ["id": .string(name.text), "object": "memory", "deleted": true] }
}
