public import Tensors

/// What an adapter adds beside a layer's feed-forward: `y = FFN(x) + scale * B (A x + offsets)`, where x is what the feed-forward reads.
/// Factors of the ranks multiply `A x` alone.
public struct BranchPatch: Sendable {
    /// `[hidden]` to `[hidden]`, f32 or bf16.
    public var lowRank: LowRank
    /// `[rank]`; nil: zero.
    public var offsets: FloatBuffer?

    public init(_ lowRank: LowRank, offsets: FloatBuffer? = nil) { (self.lowRank, self.offsets) = (lowRank, offsets) }

    var rank: Int { lowRank.rank }

    /// Bytes of the matrices and of the offsets.
    public var byteCount: Int { lowRank.byteCount + 4 * (offsets?.count ?? 0) }

    /// Throws `wrongShape`, which names the layer, unless it fits a decoder of that width.
    func validate(_ name: String, hidden: Int) throws(ModelError) {
        try lowRank.validate(name, (hidden, hidden))
        guard let offsets, offsets.count != rank else { return }
        throw .wrongShape("\(name).offsets", found: [offsets.count], expected: [rank])
    }
}

/// A branch as plain values for inner loops. Borrowed from the `BranchPart` that holds the table.
struct BranchEntry {
    let patch: PatchEntry
    /// `[rank]`, times the scale; nil: zero.
    let offsets: UnsafePointer<Float>?

    /// 0: there is no branch.
    var rank: Int { patch.rank }

    /// `h = scale * (A x + offsets)` of some rows.
    func shrink(_ x: UnsafePointer<Float>, rows: Int, inputs: Int, into h: UnsafeMutablePointer<Float>, stride: Int) {
        patch.shrink(x, rows: rows, inputs: inputs, into: h, stride: stride)
        guard let offsets else { return }
        for row in 0..<rows { Kernels.add(offsets, to: h + row * stride, count: rank) }
    }
}
