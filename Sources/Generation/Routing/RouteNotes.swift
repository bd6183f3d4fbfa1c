/// What happened to a decision after the router's figures.
public struct RouteNotes: Sendable, Equatable {
    /// The adapter that the conversation had before this turn.
    public struct Conversation: Sendable, Equatable {
        public var adapter: String
        /// It goes on, although this turn alone would be answered by another one.
        public var stays: Bool

        public init(adapter: String, stays: Bool) {
            self.adapter = adapter
            self.stays = stays
        }
    }

    /// A draw between an adapter and its canary, a new version of it.
    public struct Canary: Sendable, Equatable {
        public var of: String
        public var adapter: String
        public var weight: Double
        public var isChosen: Bool

        public init(of: String, adapter: String, weight: Double, isChosen: Bool) {
            self.of = of
            self.adapter = adapter
            self.weight = weight
            self.isChosen = isChosen
        }
    }

    /// What the language model said.
    public struct Judgement: Sendable, Equatable {
        /// nil: none of the candidates.
        public var choice: String?
        public var probability: Double?
        /// Why it said nothing, for clients; nil when it said something.
        public var failure: String?
        /// For the log, never for clients: what went wrong where the model could not be asked.
        public var cause: String?
        public var milliseconds: Double

        public init(
            choice: String? = nil, probability: Double? = nil, failure: String? = nil, cause: String? = nil, milliseconds: Double = 0
        ) {
            self.choice = choice
            self.probability = probability
            self.failure = failure
            self.cause = cause
            self.milliseconds = milliseconds
        }
    }

    /// What the first encoder of a cascade said.
    public struct FirstOpinion: Sendable, Equatable {
        public var encoder: String
        /// Its best candidate.
        public var adapter: String?
        public var probability: Double?
        /// Its decision stands; else the second encoder was asked.
        public var isSure: Bool
        public var microseconds: Double

        public init(encoder: String, adapter: String?, probability: Double?, isSure: Bool, microseconds: Double) {
            self.encoder = encoder
            self.adapter = adapter
            self.probability = probability
            self.isSure = isSure
            self.microseconds = microseconds
        }
    }

    public var first: FirstOpinion?
    public var conversation: Conversation?
    public var canary: Canary?
    public var judgement: Judgement?
    /// The default adapter answers: none was probable enough, or the default was set for all requests that name none.
    public var isDefault = false
    /// For the whole answer.
    public var timeoutMilliseconds: Int?
    /// Turns and pieces of a long text that were embedded, when it was more than one.
    public var pieces: Int?
    /// Adapters that were chosen for this prompt and could not answer it: removed, not loadable, or not fit for it.
    public var unavailable: [String] = []

    public init() {}
}
