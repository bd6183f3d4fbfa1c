/// How a decision is made from a judgement of the index.
public struct RoutePolicy: Sendable, Equatable {
    /// How many nearest examples of an adapter count for how near a text is to it.
    public var neighbours = 5
    /// Whether words that are misspelt by one letter are corrected before a text is embedded.
    public var correctsSpelling = true
    /// The least probability at which an adapter is chosen instead of the base.
    public var threshold = 0.5
    /// In a cascade: the least probability, of an adapter or of none, at which the first encoder's decision stands. Chosen on CLINC150's
    /// validation split; see docs/routing.md.
    public var confidence = 0.99
    /// Candidates whose probabilities differ by less are tied; `priority` decides between them.
    public var tieMargin = 0.02

    public init() {}
}

/// A question to the router about one text.
public struct RouteQuery: Sendable {
    /// The text that decides: usually the last user turn.
    public var text: String
    /// Only these adapters may be chosen; nil allows all.
    public var candidates: [String]?
    /// Replaces every adapter's own threshold.
    public var threshold: Double?
    /// How many candidates the decision lists.
    public var top: Int

    public init(text: String, candidates: [String]? = nil, threshold: Double? = nil, top: Int = 5) {
        self.text = text
        self.candidates = candidates
        self.threshold = threshold
        self.top = top
    }
}
