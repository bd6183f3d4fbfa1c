public import Generation

/// One turn of a conversation in a data set.
public struct ConversationTurn: Sendable, Equatable {
    public var message: ChatMessage
    /// Whether an answer is learnt. OpenAI's `weight` 0 makes an assistant's turn mere context; other roles are never learnt.
    public var isTrained: Bool

    public init(_ message: ChatMessage, isTrained: Bool) {
        self.message = message
        self.isTrained = isTrained
    }

    public init(role: String, _ content: String) {
        self.init(ChatMessage(role: role, content: content), isTrained: role == Self.assistant)
    }

    static let assistant = "assistant"
    static let system = "system"
    static let user = "user"
    static let tool = "tool"
    static let developer = "developer"

    var isAssistant: Bool { message.role == Self.assistant }

    var isSystem: Bool { message.role == Self.system || message.role == Self.developer }

    /// Says nothing and calls no tool.
    var isBlank: Bool { message.content.isBlank && message.toolCalls.isEmpty }
}

extension String {
    /// Nothing but white space.
    var isBlank: Bool { unicodeScalars.allSatisfy(\.properties.isWhitespace) }
}
