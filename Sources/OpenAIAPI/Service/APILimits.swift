/// Bounds on what one request may ask for; each is a 400 that names the field. Bytes of the body and connections are
/// HTTP's to bound.
public struct APILimits: Sendable, Equatable {
    /// `n`: each choice is a sequence of its own in the engine.
    public var choices = 16
    /// Prompts of one completions request times `n`.
    public var sequences = 64
    /// Turns of a chat.
    public var messages = 2_048
    public var tools = 128
    public var stopStrings = 16
    public var stopStringBytes = 1_024
    public var logitBiasEntries = 1_024
    /// Alternatives of each token.
    public var topLogprobs = 20
    /// Texts of one embeddings request, as OpenAI has it.
    public var embeddingInputs = 2_048
    /// Bytes of one text to embed; the encoder cuts far earlier.
    public var embeddingInputBytes = 1 << 20
    /// Nesting of a JSON body; deeper is refused before it is read.
    public var jsonDepth = 64
    /// Candidates that a route answer lists.
    public var routeCandidates = 1_000

    public init() {}
}
