internal import Weights

/// The tokenizer in the metadata of a GGUF file (`tokenizer.ggml.*`), unchanged.
public struct GGUFTokenizer: Sendable {
    /// `gpt2` (byte-level BPE), `llama` (SentencePiece), …
    public var model: String
    /// How text is split before BPE: `smollm`, `llama-bpe`, `qwen2`, …; nil: the file does not say.
    public var preTokenizer: String?
    /// By id. Those of `gpt2` in the byte-level alphabet.
    public var tokens: [String]
    /// By id: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte; empty: the file does not say.
    public var types: [Int]
    /// `left right`, in the order of their priority.
    public var merges: [String]
    /// By id, for SentencePiece; else empty.
    public var scores: [Float]
    public var bos: Int32?
    public var eos: Int32?
    /// End of a conversation's turn, where it is not `eos`.
    public var eot: Int32?
    public var unknown: Int32?
    public var padding: Int32?
    public var addBOS: Bool
    public var addEOS: Bool
    public var addSpacePrefix: Bool

    /// Errors: `malformed` when the tokens are missing or more than the model has rows for, a list has another length
    /// than the tokens, or a special id is no token.
    init(_ metadata: GGUFMetadata, vocabulary: Int) throws(WeightsError) {
        func key(_ name: String) -> String { "tokenizer.ggml.\(name)" }
        model = try metadata.string(key("model"))
        preTokenizer = try metadata.optionalString(key("pre"))
        let tokens = try metadata.strings(key("tokens"))
        guard !tokens.isEmpty, tokens.count <= vocabulary else {
            throw metadata.invalid(key("tokens"), "\(tokens.count) tokens, the embedding table has \(vocabulary) rows")
        }
        self.tokens = tokens
        types = try metadata.optionalInts(key("token_type")) ?? []
        merges = try metadata.optionalStrings(key("merges")) ?? []
        scores = try metadata.optionalFloats(key("scores")) ?? []
        for (name, count) in [("token_type", types.count), ("scores", scores.count)] {
            guard count == 0 || count == tokens.count else {
                throw metadata.invalid(key(name), "\(count) elements, expected one for each of \(tokens.count) tokens")
            }
        }
        func special(_ name: String) throws(WeightsError) -> Int32? {
            // -1 is written for none.
            guard let id = try metadata.optionalInt(key(name)), id != -1, id != 0xFFFF_FFFF else { return nil }
            guard tokens.indices.contains(id) else {
                throw metadata.invalid(key(name), "\(id) is not one of \(tokens.count) tokens")
            }
            return Int32(id)
        }
        bos = try special("bos_token_id")
        eos = try special("eos_token_id")
        eot = try special("eot_token_id")
        unknown = try special("unknown_token_id")
        padding = try special("padding_token_id")
        addBOS = try metadata.optionalBool(key("add_bos_token")) ?? (model == "llama")
        addEOS = try metadata.optionalBool(key("add_eos_token")) ?? false
        addSpacePrefix = try metadata.optionalBool(key("add_space_prefix")) ?? (model == "llama")
    }
}
