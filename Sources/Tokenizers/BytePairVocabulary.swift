/// A byte-level BPE vocabulary from GGUF's metadata.
public struct BytePairVocabulary: Sendable {
    /// GGUF's `tokenizer.ggml.token_type`.
    public enum Kind: Int, Sendable {
        case normal = 1
        case unknown = 2
        case control = 3
        case userDefined = 4
        case unused = 5
        case byte = 6
    }

    /// Spelled in the byte-level alphabet (`Ġthe`), by id; control and user-defined tokens are spelled as they are.
    public var tokens: [String]
    /// Raw values of `Kind`, by id; empty when all are normal.
    public var types: [Int]
    /// `left right`, best first.
    public var merges: [String]
    /// GGUF's `tokenizer.ggml.pre`: `gpt-2`, `smollm`, `llama-bpe`, `qwen2` …
    public var preTokenizer: String
    public var beginOfSequence: Int32?
    public var endOfSequence: Int32?
    public var endOfTurn: Int32?
    public var addBeginOfSequence: Bool
    public var addEndOfSequence: Bool

    public init(
        tokens: [String], types: [Int] = [], merges: [String], preTokenizer: String, beginOfSequence: Int32? = nil,
        endOfSequence: Int32? = nil, endOfTurn: Int32? = nil, addBeginOfSequence: Bool = false,
        addEndOfSequence: Bool = false
    ) {
        self.tokens = tokens
        self.types = types
        self.merges = merges
        self.preTokenizer = preTokenizer
        self.beginOfSequence = beginOfSequence
        self.endOfSequence = endOfSequence
        self.endOfTurn = endOfTurn
        self.addBeginOfSequence = addBeginOfSequence
        self.addEndOfSequence = addEndOfSequence
    }
}
