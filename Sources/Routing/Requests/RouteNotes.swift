import JSON

/// What became of a decision after the router's figures: the rest of the explanation. Members that are nil or false are left out.
public struct RouteNotes: Sendable, Equatable {
    /// The adapter that the conversation had before this turn.
    public struct Conversation: Sendable, Equatable {
        public var adapter: String
        /// It goes on, although this turn alone would be answered by another one.
        public var stays: Bool
    }

    /// A draw between an adapter and a new version of it.
    public struct Canary: Sendable, Equatable {
        public var of: String
        public var adapter: String
        public var weight: Double
        public var isChosen: Bool
    }

    /// What the language model said.
    public struct Judgement: Sendable, Equatable {
        /// nil: none of the candidates.
        public var choice: String?
        public var probability: Double?
        /// Why it said nothing; nil when it did.
        public var failure: String?
        public var milliseconds: Double

        public init(choice: String? = nil, probability: Double? = nil, failure: String? = nil, milliseconds: Double = 0) {
            self.choice = choice
            self.probability = probability
            self.failure = failure
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
    }

    public var first: FirstOpinion?
    public var conversation: Conversation?
    public var canary: Canary?
    public var judgement: Judgement?
    /// The default adapter answers because none was probable enough.
    public var isDefault = false
    /// For the whole answer.
    public var timeoutMilliseconds: Int?
    /// Turns and pieces of a long text that were embedded, when it was more than one.
    public var pieces: Int?

    public init() {}

    /// The explanation's members.
    func add(to object: inout JSONObject) {
        if let first {
            object["first"] = [
                "encoder": .string(first.encoder), "adapter": first.adapter.map(JSONValue.string) ?? .null,
                "probability": first.probability.map { .number(($0 * 1e4).rounded() / 1e4) } ?? .null, "sure": .bool(first.isSure),
                "us": .number((first.microseconds * 10).rounded() / 10),
            ]
        }
        if let conversation {
            object["conversation"] = ["adapter": .string(conversation.adapter), "stays": .bool(conversation.stays)]
        }
        if let canary {
            object["canary"] = [
                "of": .string(canary.of), "adapter": .string(canary.adapter), "weight": .number(canary.weight),
                "chosen": .bool(canary.isChosen),
            ]
        }
        if let judgement {
            object["language_model"] = [
                "choice": judgement.choice.map(JSONValue.string) ?? .null,
                "probability": judgement.probability.map { .number(($0 * 1e4).rounded() / 1e4) } ?? .null,
                "failure": judgement.failure.map(JSONValue.string) ?? .null,
                "ms": .number((judgement.milliseconds * 10).rounded() / 10),
            ]
        }
        if isDefault { object["default"] = true }
        if let timeoutMilliseconds { object["timeout_ms"] = .integer(Int64(timeoutMilliseconds)) }
        if let pieces { object["pieces"] = .integer(Int64(pieces)) }
    }
}
