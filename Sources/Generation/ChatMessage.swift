public import JSON

/// One turn of a conversation, as a chat template sees it.
public struct ChatMessage: Sendable, Equatable {
    /// `system`, `user`, `assistant`, `tool`, or whatever the template of the model knows.
    public var role: String
    /// The text of the turn; content parts are joined before they reach this type.
    public var content: String
    /// What the model thought before it wrote `content`; templates of models that think may show it.
    public var reasoning: String?
    public var name: String?
    /// Calls that an assistant turn made.
    public var toolCalls: [ToolCall]
    /// The call that a `tool` turn answers.
    public var toolCallID: String?

    public init(
        role: String, content: String, reasoning: String? = nil, name: String? = nil, toolCalls: [ToolCall] = [],
        toolCallID: String? = nil
    ) {
        self.role = role
        self.content = content
        self.reasoning = reasoning
        self.name = name
        self.toolCalls = toolCalls
        self.toolCallID = toolCallID
    }
}

/// A function call in an assistant turn.
public struct ToolCall: Sendable, Equatable {
    public var id: String
    public var name: String
    /// An object as a rule; a string where a client sent text that is not JSON.
    public var arguments: JSONValue

    public init(id: String, name: String, arguments: JSONValue) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }

    /// Elements and members of arguments that are read; more stay text.
    private static let mostElements = 1 << 16

    /// The arguments from what a client sent: OpenAI's clients send JSON text, others the object itself, null or nothing.
    /// Empty text and null are no arguments; text that is not JSON stays text.
    public static func arguments(_ sent: JSONValue?) -> JSONValue {
        switch sent {
        case nil, .null: return [:]
        case .string(let text):
            guard text.contains(where: { !$0.isWhitespace }) else { return [:] }
            do {
                let value = try JSONValue.parse(text, maxElements: mostElements)
                return value == .null ? [:] : value
            } catch {
                return .string(text)
            }
        case .some(let value): return value
        }
    }
}
