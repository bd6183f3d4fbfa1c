/// A row as tokens, with what a person should know of it.
public struct EncodedRow: Sendable, Equatable {
    public var line: Int
    /// Cut to the maximum of tokens.
    public var example: TrainingExample
    /// Tokens of its longest sequence before the cut.
    public var fullTokens: Int
    public var isCut: Bool
    /// The template leaves out some of an answer that should be learnt.
    public var hidesAnswer: Bool
    /// Its messages spell special tokens, which are read as such: an answer then ends early, or a turn begins within it.
    public var spellsSpecialTokens: Bool

    /// Every sequence has a target, so that an objective can use it.
    public var isTrainable: Bool { example.sequences.allSatisfy { $0.targetCount > 0 } }
}
