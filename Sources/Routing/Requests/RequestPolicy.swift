/// How a request's decision is made around the router's: what of it is embedded, when a conversation changes its adapter, and
/// who answers when nobody fits.
public struct RequestPolicy: Sendable, Equatable {
    /// What of a conversation decides.
    public enum Text: Sendable, Equatable {
        /// The last turn of the user.
        case last
        /// The last turns of the user, each earlier one for less.
        case conversation
        /// One text with parts of the conversation in their places.
        case template(RouteTemplate)
    }

    /// Whether the base model is asked which adapter it should be.
    public enum LanguageModel: String, Sendable, CaseIterable {
        case off
        /// When the router is not sure.
        case unsure
        /// For each request, for bases that judge better than the router.
        case always
    }

    public var text = Text.last
    /// Of `conversation`: what a turn counts beside the one after it.
    public var turnDecay = 0.5
    /// Of `conversation`: turns that are embedded.
    public var mostTurns = 4
    /// How much more probable another adapter must be for a conversation to change to it; 0 lets each turn decide alone.
    public var stickyMargin = 0.35
    /// Conversations that are remembered with their adapter.
    public var mostConversations = 8_192
    /// Answers instead of the base when no adapter is probable enough; nil is the base.
    public var defaultAdapter: String?
    public var languageModel = LanguageModel.off
    /// The language model is asked when the best candidate leads by less, or is so near to its threshold.
    public var unsureMargin = 0.3
    /// Candidates that the language model may choose from, beside none of them.
    public var mostOptions = 4
    /// For the language model; later the router's decision stands.
    public var languageModelMilliseconds = 1_000

    public init() {}
}
