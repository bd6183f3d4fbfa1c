/// What surrounds the router's decision: which part of a request is embedded, when a conversation changes its adapter, and which
/// adapter answers when none is probable enough.
public struct RequestPolicy: Sendable, Equatable {
    /// Which part of a conversation decides.
    public enum Text: Sendable, Equatable {
        /// The last turn of the user.
        case last
        /// The last turns of the user, each with less weight than the one after it.
        case conversation
        /// One text, made of parts of the conversation.
        case template(RouteTemplate)
    }

    /// Whether the base model chooses among the best candidates.
    public enum LanguageModel: String, Sendable, CaseIterable {
        case off
        /// Where the router is not confident.
        case unsure
        /// For each request; for bases that choose better than the router.
        case always
    }

    public var text = Text.last
    /// Of `conversation`: the weight of a turn, relative to the one after it.
    public var turnDecay = 0.5
    /// Of `conversation`: how many turns are embedded.
    public var mostTurns = 4
    /// How much more probable another adapter must be for a conversation to change to it; 0 lets each turn decide alone.
    public var stickyMargin = 0.35
    /// How many conversations are remembered with their adapter.
    public var mostConversations = 8_192
    /// Answers instead of the base when no adapter is probable enough; nil is the base.
    public var defaultAdapter: String?
    public var languageModel = LanguageModel.off
    /// The language model is asked when the best candidate leads by less, or is within half of this from its threshold.
    public var unsureMargin = 0.3
    /// Candidates that the language model may choose from, beside none of them.
    public var mostOptions = 4
    /// How long the language model may take; after that the router's decision stands.
    public var languageModelMilliseconds = 1_000

    public init() {}
}
