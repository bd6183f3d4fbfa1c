/// How a decision is made from what the index says.
public struct RoutePolicy: Sendable, Equatable {
    /// Nearest examples of an adapter whose mean similarity says how near a text is to it.
    public var neighbours = 5
    /// Whether words that are misspelt by one letter are corrected before a text is embedded.
    public var correctsSpelling = true
    /// Least probability at which an adapter is chosen instead of the base.
    public var threshold = 0.5
    /// In a cascade: the least probability, of an adapter or of none, at which the first encoder's decision stands. Chosen on CLINC150's
    /// validation split; see docs/routing.md.
    public var confidence = 0.99
    /// Candidates closer than this in probability are a tie, which `priority` decides.
    public var tieMargin = 0.02

    public init() {}
}

/// What is asked of the router for one request.
public struct RouteQuery: Sendable {
    /// The text that decides: usually the last user turn.
    public var text: String
    /// Only these adapters may be chosen; nil allows all.
    public var candidates: [String]?
    /// Replaces every adapter's own threshold.
    public var threshold: Double?
    /// How many candidates the decision lists, best first.
    public var top: Int

    public init(text: String, candidates: [String]? = nil, threshold: Double? = nil, top: Int = 5) {
        self.text = text
        self.candidates = candidates
        self.threshold = threshold
        self.top = top
    }
}
