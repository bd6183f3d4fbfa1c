import Generation

/// Bounds of the engine. Memory and latency follow from them, so `lmoe serve` prints them.
public struct InferenceLimits: Sendable {
    /// Requests that wait for a slot, prepared or not. One more than `activeSequences` and these is refused with `overloaded`.
    public var queuedRequests = 256
    /// Sequences that take part in steps at the same time.
    public var activeSequences = 32
    /// Rows of a step while nothing decodes: a long prompt alone is read in chunks of this size.
    public var prefillTokens = 256
    /// How long a step may take in which prompts are read beside decoding rows, by what earlier steps took: no stream waits
    /// much longer for its next token while others' prompts are read.
    public var mixedStepMilliseconds = 50.0
    /// The same for a step in which only sequences that gave way compute again what they lost.
    public var recomputeStepMilliseconds = 15.0
    /// Rows of a step that give log-probabilities of prompts: each has a row of logits, of the vocabulary's length in f32.
    public var scoredRows = 64
    /// Verify several draft tokens from the sequence's own text in a step, where that pays. It changes no token.
    public var speculates = true
    /// Requests that are prepared and hold their adapters before the engine takes them.
    public var preparedRequests = 16
    /// Bytes of keys and values. A sequence never grows beyond what fits.
    public var keyValueBytes = 128 << 20
    /// Longest answer of a request that names no `max_tokens`; nil: a quarter of the KV memory, at least 256 tokens. It ends with
    /// the finish reason `length`.
    public var defaultAnswerTokens: Int?
    /// Text bytes of one prompt, before it is tokenized.
    public var promptBytes = 1 << 20
    /// Special tokens that are written in messages are control tokens, as `transformers` has it; false: they are plain text, and
    /// only the chat template makes control tokens.
    public var readsSpecialTokensInMessages = true
    /// Stop strings of a request, and bytes of each.
    public var stopStrings = 16
    public var stopStringBytes = 1024
    /// Words that a request bans, each of as many bytes as a stop string at most.
    public var bannedWords = 128
    /// Alternatives of each token of a prompt, or of an answer.
    public var alternatives = 20
    /// Threads that render templates and tokenize; one adapter gets half of them.
    public var preparationThreads = 4
    /// Threads that wait for adapters that are not in memory yet, one an adapter.
    public var loadingThreads = 4
    /// Seconds after which a client should try again when the queue is full.
    public var retryAfterSeconds = 2

    public init() {}

    /// Rows of the largest step.
    public var maximumRows: Int { max(prefillTokens, activeSequences + Scheduler.quantum) }
    /// Rows of the largest step that verifies draft tokens, and of logits that a step gives.
    var logitsRows: Int { max(activeSequences, 16) }

    var draining: GenerationError {
        GenerationError(.draining, "the server is stopping", retryAfterSeconds: retryAfterSeconds)
    }
}
