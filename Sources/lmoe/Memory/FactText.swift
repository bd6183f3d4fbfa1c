import Foundation
import JSON
import Memory

/// Facts for people and for machines.
enum FactText {
    static func json(_ fact: Fact, memory: String) -> JSONObject {
        var object: JSONObject = [
            "id": .string("\(memory):\(fact.id)"), "question": .string(fact.question), "answer": .string(fact.answer),
        ]
        if !fact.wordings.isEmpty { object["paraphrases"] = .array(fact.wordings.map(JSONValue.string)) }
        if let source = fact.source { object["source"] = .string(source) }
        object["created"] = .integer(fact.created)
        return object
    }

    static func date(_ seconds: Int64) -> String {
        let formatter = ISO8601DateFormatter()
        return formatter.string(from: Date(timeIntervalSince1970: TimeInterval(seconds)))
    }

    /// On one line, cut after some characters.
    static func short(_ text: String, _ length: Int = 60) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.count <= length ? line : "\(line.prefix(length - 1))…"
    }
}
