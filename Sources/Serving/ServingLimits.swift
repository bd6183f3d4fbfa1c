/// Bounds of the serving layer.
public struct ServingLimits: Sendable, Equatable {
    /// Adapters that are loaded ahead of their requests at the same time.
    public var prefetchThreads = 2
    /// Adapters that may wait for that; more are loaded when their request is prepared.
    public var waitingPrefetches = 64

    public init() {}
}
