/// Bounds on one request; going beyond one is a 400 that names the field. `HTTPLimits` bounds connections and bytes of the body.
public struct APILimits: Sendable, Equatable {
    /// `n`: each choice is a sequence of its own in the engine.
    public var choices = 16
    /// Prompts of one completions request times `n`.
    public var sequences = 64
    /// Messages of a chat.
    public var messages = 2_048
    public var tools = 128
    /// Bytes of a function's name.
    public var toolNameBytes = 128
    /// Members of `chat_template_kwargs`.
    public var templateVariables = 64
    public var stopStrings = 16
    public var stopStringBytes = 1_024
    public var logitBiasEntries = 1_024
    /// `bad_words`, each of as many bytes as a stop string at most.
    public var bannedWords = 128
    public var stopTokens = 1_024
    public var allowedTokens = 1 << 16
    /// Alternatives of each token.
    public var topLogprobs = 20
    /// Texts of one embeddings request, the same as OpenAI's.
    public var embeddingInputs = 2_048
    /// Bytes of one text to embed; the encoder cuts far earlier.
    public var embeddingInputBytes = 1 << 20
    /// Requests that wait for the tokenizer or a chat template, and generate nothing.
    public var inspections = 32
    /// Nesting of a JSON body; deeper is refused before it is read.
    public var jsonDepth = 64
    /// Elements and members of all arrays and objects of a JSON body; more are refused before they are read.
    public var jsonElements = 1 << 18
    /// Answers of `/v1/responses` that later requests may name: how many, their bytes, and how long.
    public var storedResponses = 1_000
    public var storedResponseBytes = 64 << 20
    public var storedResponseSeconds = 3_600
    /// Candidates that a route answer lists.
    public var routeCandidates = 1_000

    public init() {}
}
