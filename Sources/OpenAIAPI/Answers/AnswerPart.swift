import Generation
import JSON

/// More of an answer.
enum AnswerPart: Sendable, Equatable {
    case text(String)
    case reasoning(String)
    case call(ToolCallPart)

    /// The text of the answer itself; empty for other parts.
    var text: String { if case .text(let text) = self { text } else { "" } }
    var isEmpty: Bool {
        switch self {
        case .text(let text), .reasoning(let text): text.isEmpty
        case .call(let part): part.id == nil && part.arguments.isEmpty
        }
    }
}

/// A call that an answer makes, as far as it has come.
struct AnsweredCall: Sendable, Equatable {
    var id: String
    var name: String
    /// JSON text.
    var arguments: String

    init(_ part: ToolCallPart) {
        (id, name, arguments) = (part.id ?? "", part.name ?? "", part.arguments)
    }

    mutating func add(_ part: ToolCallPart) { arguments += part.arguments }

    /// For dialects whose arguments are no text; empty where the answer ended before they were whole.
    var argumentsObject: JSONObject { ToolCall.arguments(.string(arguments)).objectValue ?? [:] }
}
