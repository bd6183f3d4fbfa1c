/// A fact of a memory, as clients see it.
public struct RememberedFact: Sendable, Equatable {
    /// The fact's number in its memory.
    public var id: UInt64
    /// The adapter that holds it.
    public var memory: String
    public var question: String
    /// Other ways to ask.
    public var paraphrases: [String]
    public var answer: String
    /// Where it comes from; nil: it was told.
    public var source: String?
    /// Seconds since 1970.
    public var createdAt: Int

    public init(
        id: UInt64, memory: String, question: String, paraphrases: [String] = [], answer: String, source: String? = nil, createdAt: Int
    ) {
        self.id = id
        self.memory = memory
        self.question = question
        self.paraphrases = paraphrases
        self.answer = answer
        self.source = source
        self.createdAt = createdAt
    }
}

/// What a memory is told.
public struct ToldFact: Sendable, Equatable {
    /// What is to happen when a stored fact answers the question already, and otherwise.
    public enum Conflict: String, Sendable, CaseIterable {
        /// Nothing is stored.
        case refuse
        /// The stored fact gets this question and answer.
        case replace
        /// Both are kept.
        case add
    }

    /// What became of it.
    public enum Outcome: String, Sendable {
        case added
        case replaced
        /// It was known, with the same answer.
        case known
    }

    public var question: String
    public var paraphrases: [String]
    public var answer: String
    public var source: String?

    public init(question: String, paraphrases: [String] = [], answer: String, source: String? = nil) {
        self.question = question
        self.paraphrases = paraphrases
        self.answer = answer
        self.source = source
    }
}

/// What of a stored fact is to become another; nil stays.
public struct FactChange: Sendable, Equatable {
    public var question: String?
    public var paraphrases: [String]?
    public var answer: String?

    public init(question: String? = nil, paraphrases: [String]? = nil, answer: String? = nil) {
        self.question = question
        self.paraphrases = paraphrases
        self.answer = answer
    }

    public var isEmpty: Bool { question == nil && paraphrases == nil && answer == nil }
}
