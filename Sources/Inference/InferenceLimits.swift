/// Bounds of the engine. Memory and latency follow from them, so `lmoe serve` prints them.
public struct InferenceLimits: Sendable {
    /// Requests that are prepared or wait for their first step; one more is refused with `overloaded`.
    public var queuedRequests = 256
    /// Sequences that take part in steps at the same time.
    public var activeSequences = 32
    /// Rows of a step while nothing decodes: a long prompt alone is read in chunks of this size.
    public var prefillTokens = 256
    /// Prompt rows of a step beside decoding rows, so that a long prompt delays the next token of the others by little.
    public var mixedPrefillTokens = 128
    /// Bytes of keys and values. A sequence never grows beyond what fits.
    public var keyValueBytes = 128 << 20
    /// Text bytes of one prompt, before it is tokenized.
    public var promptBytes = 1 << 20
    /// Stop strings of a request, and bytes of each.
    public var stopStrings = 16
    public var stopStringBytes = 1024
    /// Threads that load adapters, render templates and tokenize.
    public var preparationThreads = 2
    /// What a client is told to wait when the queue is full.
    public var retryAfterSeconds = 2

    public init() {}

    /// Rows of the largest step.
    public var maximumRows: Int { max(prefillTokens, activeSequences + mixedPrefillTokens) }
}
