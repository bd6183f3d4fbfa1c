/// Bounds of the engine. Memory and latency follow from them, so `lmoe serve` prints them.
public struct InferenceLimits: Sendable {
    /// Requests that are prepared or wait for their first step; one more is refused with `overloaded`.
    public var queuedRequests = 256
    /// Sequences that take part in steps at the same time.
    public var activeSequences = 32
    /// Rows of a step while nothing decodes: a long prompt alone is read in chunks of this size.
    public var prefillTokens = 256
    /// How long a step may take in which prompts are read beside decoding rows, by what earlier steps took: no stream waits
    /// much longer for its next token while others' prompts are read.
    public var mixedStepMilliseconds = 50.0
    /// Foretell tokens from the sequence's own text and verify several in a step, where that pays. It changes no token.
    public var speculates = true
    /// Requests that are prepared, their adapters held, before their turn to run has come.
    public var preparedRequests = 16
    /// Bytes of keys and values. A sequence never grows beyond what fits.
    public var keyValueBytes = 128 << 20
    /// Text bytes of one prompt, before it is tokenized.
    public var promptBytes = 1 << 20
    /// Stop strings of a request, and bytes of each.
    public var stopStrings = 16
    public var stopStringBytes = 1024
    /// Threads that render templates and tokenize.
    public var preparationThreads = 2
    /// Threads that wait for adapters which are not in memory yet, so that requests for those that are need not.
    public var loadingThreads = 4
    /// What a client is told to wait when the queue is full.
    public var retryAfterSeconds = 2

    public init() {}

    /// Rows of the largest step.
    public var maximumRows: Int { max(prefillTokens, activeSequences + Scheduler.quantum) }
    /// Rows of the largest step that verifies foretold tokens, and of logits that a step gives.
    var logitsRows: Int { max(activeSequences, 16) }
}
