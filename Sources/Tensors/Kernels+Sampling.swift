internal import CKernels

extension Kernels {
    /// `sum of exp((x[i] - maximum) * scale)` over the i with `x[i] > above`; NaN adds nothing.
    public static func expSum(
        _ x: UnsafePointer<Float>, count: Int, maximum: Float, scale: Float, above: Float = -.infinity
    ) -> Float {
        table.pointee.sampling.exp_sum(x, count, maximum, scale, above)
    }

    /// `x[i] = exp((x[i] - maximum) * scale)`, 0 for NaN.
    public static func expScaled(_ x: UnsafeMutablePointer<Float>, count: Int, maximum: Float, scale: Float) {
        table.pointee.sampling.exp_scaled(x, count, maximum, scale)
    }

    /// The i, rising, with `x[i] >= least`; `indices` has room for `count`. Returns how many there are.
    public static func select(
        _ x: UnsafePointer<Float>, count: Int, least: Float, into indices: UnsafeMutablePointer<UInt32>
    ) -> Int {
        table.pointee.sampling.select(x, count, least, indices)
    }
}
