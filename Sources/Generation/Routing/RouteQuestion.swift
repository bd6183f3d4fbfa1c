/// A prompt for which the router chooses an adapter, and its caller.
public struct RouteQuestion: Sendable {
    public enum Content: Sendable, Equatable {
        /// The router's policy says which turns decide.
        case messages([ChatMessage])
        case text(String)
        /// Token ids of the base model; `Serving` turns them into text before a router sees them.
        case tokens([Int32])
    }

    public var content: Content
    /// Only these adapters may be chosen; nil allows all.
    public var candidates: [String]?
    /// Replaces every adapter's own threshold.
    public var threshold: Double?
    /// How many candidates the decision lists, best first.
    public var top: Int
    public var caller: Caller
    /// Identity of the request, for logs and for draws.
    public var requestID: String
    /// The client's name for its own user.
    public var user: String?
    /// An answer follows: the conversation is remembered with its adapter, and the decision counts.
    public var isServed: Bool
    /// Whether its client has left, so that the work on it may stop. `Serving` sets it. Any thread.
    public var isAbandoned: @Sendable () -> Bool = { false }
    /// Of the requests that ask a language model, as `GenerationRequest.cachePartition`.
    public var cachePartition: String?

    public init(
        _ content: Content, candidates: [String]? = nil, threshold: Double? = nil, top: Int = 5, caller: Caller = Caller(),
        requestID: String = "", user: String? = nil, isServed: Bool = false, cachePartition: String? = nil
    ) {
        self.content = content
        self.candidates = candidates
        self.threshold = threshold
        self.top = top
        self.caller = caller
        self.requestID = requestID
        self.user = user
        self.isServed = isServed
        self.cachePartition = cachePartition
    }

    /// Texts of the user's turns, in order; a prompt that is not a chat counts as one turn.
    public var turns: [String] {
        switch content {
        case .text(let text): [text]
        case .messages(let messages): messages.filter { $0.role == "user" }.map(\.content)
        case .tokens: []
        }
    }
}
