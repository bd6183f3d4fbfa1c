/// Which adapter answers a request, and why.
public struct RouteDecision: Sendable {
    /// How the decision came about. `adapter` says who answers: after a fallback it may be the operator's default adapter.
    public enum Route: String, Sendable {
        /// The client named the adapter (or the base).
        case explicit
        /// An adapter was chosen: it is probable enough, the conversation has it already, or a language model picked it.
        case matched
        /// No adapter was chosen, or the chosen one cannot answer.
        case fallback
    }

    public struct Neighbour: Sendable, Equatable {
        public var text: String
        /// Cosine, -1...1.
        public var similarity: Float

        public init(text: String, similarity: Float) {
            self.text = text
            self.similarity = similarity
        }
    }

    public struct Candidate: Sendable {
        public var adapter: String
        /// Calibrated probability that this adapter is the right one.
        public var probability: Double
        /// What its rule says: about 1 for its own examples, about 0 for all other texts.
        public var score: Float
        public var threshold: Double
        public var nearest: [Neighbour]

        public init(adapter: String, probability: Double, score: Float, threshold: Double, nearest: [Neighbour]) {
            self.adapter = adapter
            self.probability = probability
            self.score = score
            self.threshold = threshold
            self.nearest = nearest
        }
    }

    public struct Timings: Sendable {
        public var tokenizeMicroseconds = 0.0
        public var embedMicroseconds = 0.0
        public var searchMicroseconds = 0.0
        public var totalMicroseconds = 0.0

        public init() {}
    }

    /// nil is the base.
    public var adapter: String?
    public var route: Route
    /// A sentence for a person.
    public var reason: String
    /// Of the chosen adapter, or of the best one that was not good enough; nil when nothing was compared.
    public var probability: Double?
    /// That none of the adapters is meant; nil when nothing was compared.
    public var noneProbability: Double?
    /// Probability ahead of the second candidate.
    public var margin: Double?
    /// The one that the best candidate had to reach.
    public var threshold: Double?
    /// What was embedded.
    public var text: String
    /// The text as it came, where its spelling was corrected.
    public var original: String?
    /// Best first.
    public var candidates: [Candidate]
    public var encoder: String
    /// Of the router itself.
    public var timings: Timings
    /// What happened after the router's figures.
    public var notes = RouteNotes()
    /// From the question to the decision, with the time in queues and the language model's.
    public var milliseconds = 0.0

    public init(
        adapter: String?, route: Route, reason: String, probability: Double? = nil, noneProbability: Double? = nil,
        margin: Double? = nil, threshold: Double? = nil, text: String = "", original: String? = nil, candidates: [Candidate] = [],
        encoder: String = "", timings: Timings = .init()
    ) {
        self.adapter = adapter
        self.route = route
        self.reason = reason
        self.probability = probability
        self.noneProbability = noneProbability
        self.margin = margin
        self.threshold = threshold
        self.text = text
        self.original = original
        self.candidates = candidates
        self.encoder = encoder
        self.timings = timings
    }

    /// Another adapter, or the base, answers when this one cannot: the client did not name it.
    public var mayFallBack: Bool { adapter != nil && (route != .explicit || notes.isDefault) }

    /// A choice that needs no router.
    public static func explicit(_ adapter: String?, reason: String) -> RouteDecision {
        RouteDecision(adapter: adapter, route: .explicit, reason: reason)
    }

    /// The base because there is nothing to choose from or no router.
    public static func fallback(reason: String, text: String = "", encoder: String = "") -> RouteDecision {
        RouteDecision(adapter: nil, route: .fallback, reason: reason, text: text, encoder: encoder)
    }

    /// The decision without any text of a prompt or of an example: what logs and metrics may keep.
    public var withoutTexts: RouteDecision {
        var bare = self
        bare.text = ""
        bare.original = nil
        for index in bare.candidates.indices { bare.candidates[index].nearest = [] }
        bare.notes.judgement?.failure = notes.judgement?.failure.map { _ in "failed" }
        bare.notes.judgement?.cause = nil
        return bare
    }
}
