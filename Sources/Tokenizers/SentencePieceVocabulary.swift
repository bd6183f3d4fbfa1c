/// A SentencePiece vocabulary from the metadata of a GGUF file whose `tokenizer.ggml.model` is `llama`.
public struct SentencePieceVocabulary: Sendable {
    /// By id, spaces spelled `▁`, but those of user-defined tokens as spaces; bytes spelled `<0x0A>`.
    public var tokens: [String]
    /// Raw values of `BytePairVocabulary.Kind`, by id.
    public var types: [Int]
    /// By id: of two merges that are possible the one into the token of the higher score comes first.
    public var scores: [Float]
    public var beginOfSequence: Int32?
    public var endOfSequence: Int32?
    public var endOfTurn: Int32?
    public var unknown: Int32?
    public var addBeginOfSequence: Bool
    public var addEndOfSequence: Bool
    /// A space before each text between added tokens, as Llama 2 has it.
    public var addSpacePrefix: Bool

    public init(
        tokens: [String], types: [Int], scores: [Float], beginOfSequence: Int32? = nil, endOfSequence: Int32? = nil,
        endOfTurn: Int32? = nil, unknown: Int32? = nil, addBeginOfSequence: Bool = true, addEndOfSequence: Bool = false,
        addSpacePrefix: Bool = false
    ) {
        self.tokens = tokens
        self.types = types
        self.scores = scores
        self.beginOfSequence = beginOfSequence
        self.endOfSequence = endOfSequence
        self.endOfTurn = endOfTurn
        self.unknown = unknown
        self.addBeginOfSequence = addBeginOfSequence
        self.addEndOfSequence = addEndOfSequence
        self.addSpacePrefix = addSpacePrefix
    }
}
