/// One router of an adapter, with its experts.
public struct ExpertRouter: Sendable, Equatable {
    public let layer: Int
    /// Nil: of the layer's feed-forward as a whole.
    public let projection: Projection?
    public let selection: ExpertSelection
    /// Places in `ExpertCounts` and `ExpertTrace`.
    public let experts: Range<Int>
}
