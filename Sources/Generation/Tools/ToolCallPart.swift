/// More of a call that an answer makes.
public struct ToolCallPart: Sendable, Equatable {
    /// Among the calls of the answer, from 0.
    public var index: Int
    /// Of the call; with its first part.
    public var id: String?
    /// Of the function, whole; with the first part.
    public var name: String?
    /// More of the arguments' JSON text: whole characters. All parts together are the arguments; `{}` for none.
    public var arguments: String

    public init(index: Int, id: String? = nil, name: String? = nil, arguments: String = "") {
        self.index = index
        self.id = id
        self.name = name
        self.arguments = arguments
    }
}

/// How the model was told of the functions.
public enum ToolPrompt: String, Sendable {
    /// By the chat template.
    case template
    /// By a system message of this server's, since the template does not show functions.
    case generic
}
