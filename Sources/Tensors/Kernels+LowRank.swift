internal import CKernels

extension Kernels {
    /// How an adapter's matrices are stored.
    public enum LowRankElement: Sendable {
        case f32, bf16

        public var bytes: Int { self == .f32 ? 4 : 2 }
        var code: ck_low_rank_element { self == .f32 ? CK_LOW_RANK_F32 : CK_LOW_RANK_BF16 }
    }

    /// `h[row, r] = scale * factors[r] * sum over k of a[r, k] x[row, k]`, a is `[rank, inputs]`. A row's bits do not depend on `rows`.
    public static func lowRankShrink(
        _ x: UnsafePointer<Float>, stride: Int = 0, rows: Int = 1, a: UnsafeRawPointer, element: LowRankElement, rank: Int,
        inputs: Int, scale: Float, factors: UnsafePointer<Float>? = nil, into h: UnsafeMutablePointer<Float>, outputStride: Int = 0
    ) {
        table.pointee.low_rank.shrink(x, stride, rows, a, element.code, factors, rank, inputs, scale, h, outputStride)
    }

    /// `y[row, o] += factors[o] * sum over r of h[row, r] b[r, o]` for o in `outputs`; b is transposed, `[rank, totalOutputs]`; y points to
    /// output 0. A row's bits do not depend on `rows`.
    public static func lowRankExpand(
        _ h: UnsafePointer<Float>, stride: Int = 0, rows: Int = 1, b: UnsafeRawPointer, element: LowRankElement, rank: Int,
        factors: UnsafePointer<Float>? = nil, outputs: Range<Int>, totalOutputs: Int, into y: UnsafeMutablePointer<Float>,
        outputStride: Int = 0
    ) {
        table.pointee.low_rank.expand(
            h, stride, rows, b, element.code, factors, rank, outputs.lowerBound, outputs.upperBound, totalOutputs, y, outputStride)
    }
}
