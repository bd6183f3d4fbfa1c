public import Generation

/// A request whose adapter is to be chosen, and who asks.
public struct RoutingRequest: Sendable {
    public enum Content: Sendable {
        case messages([ChatMessage])
        case text(String)
    }

    public var content: Content
    /// Only these adapters may be chosen; nil allows all.
    public var candidates: [String]?
    /// Replaces every adapter's own threshold.
    public var threshold: Double?
    /// How many candidates the decision lists, best first.
    public var top: Int
    public var caller: Caller
    public var id: String
    /// The client's name for its own user.
    public var user: String?
    /// An answer follows, so that the conversation is remembered with its adapter.
    public var isServed: Bool

    public init(
        _ content: Content, candidates: [String]? = nil, threshold: Double? = nil, top: Int = 5, caller: Caller = .operator,
        id: String = "", user: String? = nil, isServed: Bool = false
    ) {
        self.content = content
        self.candidates = candidates
        self.threshold = threshold
        self.top = top
        self.caller = caller
        self.id = id
        self.user = user
        self.isServed = isServed
    }

    /// Texts of the user's turns, in order; a prompt that is no chat is one turn.
    var turns: [String] {
        switch content {
        case .text(let text): [text]
        case .messages(let messages): messages.filter { $0.role == "user" }.map(\.content)
        }
    }
}
