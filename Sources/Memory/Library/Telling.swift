public import Generation

/// What became of a fact that a memory was told.
public struct ToldOutcome: Sendable, Equatable {
    public var id: Fact.ID
    public var outcome: ToldFact.Outcome
    /// Paraphrases that open nothing, each with the reason: they are kept with the fact and are no keys.
    public var refusedWordings: [String]
    /// `WrittenFact.losses`; empty where nothing was written.
    public var losses: [Float]

    public init(id: Fact.ID, outcome: ToldFact.Outcome, refusedWordings: [String] = [], losses: [Float] = []) {
        (self.id, self.outcome, self.refusedWordings, self.losses) = (id, outcome, refusedWordings, losses)
    }
}

/// A fact on its way into a memory.
struct Draft {
    /// Its place among those that were told.
    var index: Int
    var fact: Fact
    var keys: [FactKey] = []
    /// The stored fact that it replaces.
    var replaces: Fact.ID?
    var refusedWordings: [String] = []
    var losses: [Float] = []

    /// Other spellings of the question, made by rule: they become wordings where they mean no other fact.
    var spellings: [String] { WordingRules.wordings(of: fact.question).filter { !fact.wordings.contains($0) } }
    /// The question, its wordings and its spellings.
    var texts: [String] { [fact.question] + fact.wordings + spellings }
}

extension MemoryError {
    static func conflict(_ stored: Fact) -> MemoryError {
        MemoryError(
            .conflict,
            "fact \(stored.id) answers this question already: \"\(stored.question)\" with \"\(stored.answer)\". Replace it (on_conflict `replace`, --on-conflict replace), or keep both (`add`)",
            place: "question")
    }
}
