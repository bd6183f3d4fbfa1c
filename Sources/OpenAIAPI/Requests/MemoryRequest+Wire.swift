import Generation
import JSON

/// `POST /v1/memories`: a fact, or a list of them in `facts`.
struct MemoryRequest: Sendable {
    var memory: String?
    var facts: [ToldFact]
    var onConflict: ToldFact.Conflict
    /// The answer is a list.
    var isList: Bool

    private static let own: Set = ["question", "answer", "paraphrases", "source"]

    init(_ cursor: JSONCursor, fields: FieldPolicy, limits: MemoryLimits) throws(APIError) {
        do {
            try fields.check(cursor, Self.own.union(["memory", "facts", "on_conflict"]))
            memory = try cursor["memory"].optionalName()
            let given = try cursor["on_conflict"].optionalName() ?? ToldFact.Conflict.refuse.rawValue
            guard let conflict = ToldFact.Conflict(rawValue: given) else {
                let known = ToldFact.Conflict.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
                throw cursor["on_conflict"].invalid("expected one of \(known), found `\(given)`")
            }
            onConflict = conflict
            isList = cursor["facts"].exists
            guard isList else {
                facts = [try Self.fact(cursor, limits)]
                return
            }
            for name in Self.own where cursor[name].exists { throw cursor[name].invalid("it belongs into each of `facts`") }
            let entries = try cursor["facts"].array()
            guard 1...limits.facts ~= entries.count else {
                throw cursor["facts"].invalid("expected 1 to \(limits.facts) facts, found \(entries.count)")
            }
            facts = []
            for entry in entries {
                try fields.check(entry, Self.own)
                facts.append(try Self.fact(entry, limits))
            }
        } catch {
            throw APIError(reaching: error)
        }
    }

    private static func fact(_ cursor: JSONCursor, _ limits: MemoryLimits) throws(JSONError) -> ToldFact {
        ToldFact(
            question: try cursor["question"].string(), paraphrases: try paraphrases(cursor["paraphrases"], limits) ?? [],
            answer: try cursor["answer"].string(), source: try cursor["source"].optionalString())
    }

    fileprivate static func paraphrases(_ cursor: JSONCursor, _ limits: MemoryLimits) throws(JSONError) -> [String]? {
        guard let entries = try cursor.optionalArray() else { return nil }
        guard entries.count <= limits.paraphrases else { throw cursor.invalid("\(entries.count) paraphrases; at most \(limits.paraphrases) are taken") }
        var texts: [String] = []
        for entry in entries { texts.append(try entry.string()) }
        return texts
    }
}

/// `PATCH /v1/memories/{id}`.
extension FactChange {
    init(_ cursor: JSONCursor, fields: FieldPolicy, limits: MemoryLimits) throws(APIError) {
        do {
            try fields.check(cursor, ["question", "answer", "paraphrases"])
            self.init(
                question: try cursor["question"].optionalString(), paraphrases: try MemoryRequest.paraphrases(cursor["paraphrases"], limits),
                answer: try cursor["answer"].optionalString())
            guard !isEmpty else { throw cursor.invalid("nothing to change: expected `question`, `answer` or `paraphrases`") }
        } catch {
            throw APIError(reaching: error)
        }
    }
}

/// How a fact is named from outside: `facts:12`, its memory and its number.
struct FactName: Sendable, Equatable {
    var memory: String
    var id: UInt64

    var text: String { "\(memory):\(id)" }

    init(memory: String, id: UInt64) { (self.memory, self.id) = (memory, id) }

    /// Errors: `factNotFound`.
    init(_ text: String) throws(APIError) {
        guard text.utf8.count <= JSONCursor.longestName, let place = text.utf8.lastIndex(of: UInt8(ascii: ":")),
            let id = UInt64(text[text.utf8.index(after: place)...]), place > text.startIndex
        else {
            let shown = text.utf8.count <= JSONCursor.longestName ? "`\(text)`" : "of \(text.utf8.count) bytes"
            throw APIError(.factNotFound, "There is no fact \(shown): expected its memory and its number, such as `facts:12`.", param: "id")
        }
        (memory, self.id) = (String(text[..<place]), id)
    }
}
