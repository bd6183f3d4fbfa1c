/// Bounds of the serving layer.
public struct ServingLimits: Sendable, Equatable {
    /// Adapters that are loaded ahead of their requests at the same time.
    public var prefetchThreads = 2
    /// Adapters that may wait for that; more are loaded when their request is prepared.
    public var waitingPrefetches = 64

    /// Prompts of one request that are routed at the same time: while the base model judges one, the encoder reads the next.
    public var routedTogether = 4

    public init() {}
}
