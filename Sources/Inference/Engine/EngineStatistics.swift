/// The engine's counts since its start, for `/metrics`.
public struct EngineStatistics: Sendable {
    /// Accepted and not yet part of a step: being prepared or waiting.
    public var queuedRequests = 0
    public var activeSequences = 0
    public var finishedRequests = 0
    public var failedRequests = 0
    public var cancelledRequests = 0
    public var promptTokens = 0
    /// Of them, taken from the prefix cache.
    public var cachedTokens = 0
    public var generatedTokens = 0
    public var steps = 0
    public var stepRows = 0
    /// Draft tokens that steps verified, and those of them that were right.
    public var proposedTokens = 0
    public var acceptedTokens = 0
    /// Allocations of the engine's thread while steps were planned, computed and sampled, and while tokens were handed to clients;
    /// counted where `Engine` was given a counter.
    public var stepAllocations = 0
    public var deliveryAllocations = 0
    /// Time to draw tokens, which `stepMilliseconds` does not hold.
    public var samplingMilliseconds = 0.0
    /// How often a sequence gave its memory up for others.
    public var preemptions = 0
    /// Tokens whose keys and values were computed again after that.
    public var recomputedTokens = 0
    public var keyValueBlocks = 0
    /// Held by running sequences; the rest is free or holds reusable prefixes.
    public var keyValueBlocksInUse = 0
    public var stepMilliseconds = 0.0
}
