/// The experts of one fact: a low-rank map beside a layer's feed-forward, `y = FFN(x) + B (A x + c)`, which is in force from the last
/// token of a prompt on. An expert is a row of A with its element of c and its column of B.
public struct FactExperts: Sendable, Equatable {
    /// The layer.
    public var site: Int
    /// Elements of x and y.
    public var hidden: Int
    /// A, `[experts, hidden]`, bf16.
    public var inner: [UInt16]
    /// c, `[experts]`.
    public var offsets: [Float]
    /// B transposed, `[experts, hidden]`, bf16.
    public var outer: [UInt16]

    /// Experts, one an answer token: the rank of the map.
    public var count: Int { offsets.count }

    public init(site: Int, hidden: Int, inner: [UInt16], offsets: [Float], outer: [UInt16]) {
        precondition(
            inner.count == offsets.count * hidden && outer.count == inner.count,
            "\(offsets.count) experts of \(hidden) elements have \(inner.count) and \(outer.count)")
        self.site = site
        self.hidden = hidden
        self.inner = inner
        self.offsets = offsets
        self.outer = outer
    }
}
