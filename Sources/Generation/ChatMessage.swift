/// One turn of a conversation, as a chat template sees it.
public struct ChatMessage: Sendable, Equatable {
    /// `system`, `user`, `assistant`, `tool`, or whatever the template of the model knows.
    public var role: String
    /// The text of the turn; content parts are joined before they reach this type.
    public var content: String
    public var name: String?
    /// Calls that an assistant turn made.
    public var toolCalls: [ToolCall]
    /// The call that a `tool` turn answers.
    public var toolCallID: String?

    public init(
        role: String, content: String, name: String? = nil, toolCalls: [ToolCall] = [], toolCallID: String? = nil
    ) {
        self.role = role
        self.content = content
        self.name = name
        self.toolCalls = toolCalls
        self.toolCallID = toolCallID
    }
}

/// A function call in an assistant turn.
public struct ToolCall: Sendable, Equatable {
    public var id: String
    public var name: String
    /// The arguments as JSON text, as OpenAI clients send them.
    public var arguments: String

    public init(id: String, name: String, arguments: String) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }
}
