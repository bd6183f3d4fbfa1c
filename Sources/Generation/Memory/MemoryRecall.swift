public import JSON

/// The remembered fact that a request's text means, or that a memory without single facts has something for it.
public struct MemoryRecall: Sendable, Equatable {
    /// The adapter that holds it.
    public var memory: String
    /// The fact's number there; nil: what was selected belongs to no single fact (product keys).
    public var fact: UInt64?
    /// The question that it was told with; nil: the memory keeps none.
    public var question: String?
    /// How sure the memory is that this fact is meant; from `threshold` on, it answers.
    public var score: Double
    public var threshold: Double
    /// By how much the next fact is behind; nil: there is no other.
    public var margin: Double?

    public init(
        memory: String, fact: UInt64?, question: String? = nil, score: Double, threshold: Double, margin: Double? = nil
    ) {
        self.memory = memory
        self.fact = fact
        self.question = question
        self.score = score
        self.threshold = threshold
        self.margin = margin
    }

    /// `MEMORY:FACT`, or the memory alone.
    public var label: String { fact.map { "\(memory):\($0)" } ?? memory }

    public var json: JSONValue {
        var object: JSONObject = ["memory": .string(memory)]
        if let fact { object["fact"] = .integer(Int64(clamping: fact)) }
        if let question { object["question"] = .string(question) }
        object["score"] = .number(rounded(score))
        object["threshold"] = .number(rounded(threshold))
        if let margin { object["margin"] = .number(rounded(margin)) }
        return .object(object)
    }

    private func rounded(_ value: Double) -> Double { (value * 1e4).rounded() / 1e4 }
}
