/// Where a step begins when it need not begin at the embedding: before one layer's feed-forward, with the residual stream that a trace of
/// the same rows has recorded there.
///
/// The rows' keys and values of the layers below are not computed, nor are those of the layer itself: only what follows reads the cache.
/// The memory must outlive the step.
public struct FeedForwardEntry {
    let layer: Int
    /// f32, `[rows, hidden]`, as `FeedForwardTrace.residual`.
    let residual: UnsafePointer<Float>

    public init(layer: Int, residual: UnsafePointer<Float>) { (self.layer, self.residual) = (layer, residual) }

    /// Of the rows after the first `rows`.
    func advanced(by rows: Int, hidden: Int) -> FeedForwardEntry {
        FeedForwardEntry(layer: layer, residual: residual + rows * hidden)
    }
}
