internal import CKernels

extension Kernels {
    /// `y[i] = x[i] / sqrt(mean(x²) + epsilon) * weight[i]`
    public static func rmsNorm(
        _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, epsilon: Float, count: Int, into y: UnsafeMutablePointer<Float>
    ) {
        table.pointee.elementwise.rms_norm(x, weight, epsilon, count, y)
    }

    /// `y[i] = (x[i] - mean) / sqrt(variance + epsilon) * weight[i] + bias[i]`
    public static func layerNorm(
        _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>, epsilon: Float, count: Int,
        into y: UnsafeMutablePointer<Float>
    ) {
        table.pointee.elementwise.layer_norm(x, weight, bias, epsilon, count, y)
    }

    /// `y[i] += x[i]`
    public static func add(_ x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, count: Int) {
        table.pointee.elementwise.add(x, y, count)
    }

    /// `x[i] *= factor`
    public static func multiply(_ x: UnsafeMutablePointer<Float>, by factor: Float, count: Int) {
        table.pointee.elementwise.scale(x, factor, count)
    }

    /// `y[i] *= x[i]`
    public static func multiply(_ y: UnsafeMutablePointer<Float>, elementwise x: UnsafePointer<Float>, count: Int) {
        table.pointee.elementwise.multiply(x, y, count)
    }

    /// `y[i] = gate[i] * sigmoid(gate[i]) * up[i]`
    public static func siluMultiply(
        gate: UnsafePointer<Float>, up: UnsafePointer<Float>, count: Int, into y: UnsafeMutablePointer<Float>
    ) {
        table.pointee.elementwise.silu_multiply(gate, up, count, y)
    }

    /// `y[i] = g * sigmoid(slope * g) * (u + 1)` for `g = min(gate[i], limit)` and u = up[i] between `-limit` and `limit`
    public static func clampedMultiply(
        gate: UnsafePointer<Float>, up: UnsafePointer<Float>, slope: Float, limit: Float, count: Int, into y: UnsafeMutablePointer<Float>
    ) {
        table.pointee.elementwise.clamped_multiply(gate, up, slope, limit, count, y)
    }

    /// `y[i] = geluTanh(gate[i]) * up[i]`
    public static func geluTanhMultiply(
        gate: UnsafePointer<Float>, up: UnsafePointer<Float>, count: Int, into y: UnsafeMutablePointer<Float>
    ) {
        table.pointee.elementwise.gelu_tanh_multiply(gate, up, count, y)
    }

    /// `x[i] = x[i] / 2 * (1 + erf(x[i] / √2))`
    public static func gelu(_ x: UnsafeMutablePointer<Float>, count: Int) { table.pointee.elementwise.gelu(x, count) }

    /// `x[i] = x[i] / 2 * (1 + tanh(√(2/π) (x[i] + 0.044715 x[i]³)))`
    public static func geluTanh(_ x: UnsafeMutablePointer<Float>, count: Int) { table.pointee.elementwise.gelu_tanh(x, count) }

    /// Rotary positions as in Llama and `transformers`: element i of a head's first half is rotated with element i of its second.
    ///
    /// x is `[heads, headDimension]`; cosines and sines are `[headDimension / 2]`, those of the row's position.
    public static func rotateHalves(
        _ x: UnsafeMutablePointer<Float>, heads: Int, headDimension: Int, cosines: UnsafePointer<Float>, sines: UnsafePointer<Float>
    ) {
        table.pointee.elementwise.rotate_halves(x, heads, headDimension, cosines, sines)
    }

    /// `x[i] = exp(x[i] - max(x)) / sum`
    public static func softmax(_ x: UnsafeMutablePointer<Float>, count: Int) { table.pointee.elementwise.softmax(x, count) }

    /// The lowest index of the largest element; NaN is never the largest; 0 when there is none.
    public static func maximumIndex(_ x: UnsafePointer<Float>, count: Int) -> Int {
        table.pointee.elementwise.maximum_index(x, count)
    }

    /// `sum of x[i] y[i]`
    public static func dot(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int) -> Float {
        table.pointee.elementwise.dot(x, y, count)
    }

    /// `y[r] = sum of x[i] rows[r, i]` for `[rowCount, count]`; each has the bits of `dot`.
    public static func dots(
        _ x: UnsafePointer<Float>, _ rows: UnsafePointer<Float>, rowCount: Int, count: Int, into y: UnsafeMutablePointer<Float>
    ) {
        table.pointee.elementwise.dots(x, rows, rowCount, count, y)
    }
}
