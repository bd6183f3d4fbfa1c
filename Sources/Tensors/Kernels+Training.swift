internal import CKernels

extension Kernels {
    /// A matrix of f32 in borrowed memory, with any distance between rows and between columns: element (i, j) is at
    /// `start[i * rowStride + j * columnStride]`.
    public struct Operand {
        public var start: UnsafePointer<Float>
        public var rowStride: Int
        public var columnStride: Int

        public init(_ start: UnsafePointer<Float>, rowStride: Int, columnStride: Int = 1) {
            (self.start, self.rowStride, self.columnStride) = (start, rowStride, columnStride)
        }

        /// Rows and columns exchanged.
        public var transposed: Operand { Operand(start, rowStride: columnStride, columnStride: rowStride) }
    }

    /// `c = a b`, or `c += a b`: a is `[rows, depth]`, b `[depth, columns]` with neighbouring columns side by side, c `[rows, columns]`
    /// with `cStride` elements from row to row. c overlaps neither.
    ///
    /// Each element is a chain of fused multiply-adds in the order of the depth, so it has the same bits with any rows and columns beside
    /// it, and with the depth cut into calls that add.
    public static func matmul(
        _ a: Operand, _ b: Operand, into c: UnsafeMutablePointer<Float>, cStride: Int, rows: Int, columns: Int, depth: Int, adds: Bool
    ) {
        precondition(b.columnStride == 1, "the columns of the second operand lie \(b.columnStride) elements apart")
        table.pointee.training.matmul(
            a.start, a.rowStride, a.columnStride, b.start, b.rowStride, c, cStride, rows, columns, depth, adds)
    }

    /// For `y = rmsNorm(x) * weight`: `dx[i] += r weight[i] dy[i] - x[i] r³ mean(weight dy x)` with `r = 1 / sqrt(mean(x²) + epsilon)`.
    public static func rmsNormGradient(
        _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, dy: UnsafePointer<Float>, epsilon: Float, count: Int,
        addingTo dx: UnsafeMutablePointer<Float>
    ) {
        table.pointee.training.rms_norm_gradient(x, weight, dy, epsilon, count, dx)
    }

    /// For `y = silu(gate) * up`: the gradients of gate and up, which may be stored over gate and up.
    public static func siluMultiplyGradient(
        gate: UnsafePointer<Float>, up: UnsafePointer<Float>, dy: UnsafePointer<Float>, count: Int,
        gateGradient: UnsafeMutablePointer<Float>, upGradient: UnsafeMutablePointer<Float>
    ) {
        table.pointee.training.silu_multiply_gradient(gate, up, dy, count, gateGradient, upGradient)
    }

    /// For `y = geluTanh(gate) * up`: the gradients of gate and up, which may be stored over gate and up.
    public static func geluTanhMultiplyGradient(
        gate: UnsafePointer<Float>, up: UnsafePointer<Float>, dy: UnsafePointer<Float>, count: Int,
        gateGradient: UnsafeMutablePointer<Float>, upGradient: UnsafeMutablePointer<Float>
    ) {
        table.pointee.training.gelu_tanh_multiply_gradient(gate, up, dy, count, gateGradient, upGradient)
    }

    /// `x = softmax(scale x)`; returns `log(sum of exp(scale x))`.
    public static func softmaxLogSumExp(_ x: UnsafeMutablePointer<Float>, scale: Float, count: Int) -> Float {
        table.pointee.training.softmax_logsumexp(x, scale, count)
    }

    /// `x[i] = exp(scale x[i] - logSumExp)`: a softmax whose normaliser is known.
    public static func expMinus(_ x: UnsafeMutablePointer<Float>, scale: Float, logSumExp: Float, count: Int) {
        table.pointee.training.exp_minus(x, scale, logSumExp, count)
    }

    /// `x[i] = exp(x[i] - most)`; returns their sum.
    public static func expShifted(_ x: UnsafeMutablePointer<Float>, most: Float, count: Int) -> Float {
        table.pointee.training.exp_shifted(x, most, count)
    }

    /// For `p = softmax(scale s)`: `ds[i] = scale p[i] (dp[i] - delta)` with `delta = sum of p dp`. ds may be dp.
    public static func softmaxGradient(
        _ p: UnsafePointer<Float>, dp: UnsafePointer<Float>, delta: Float, scale: Float, count: Int, into ds: UnsafeMutablePointer<Float>
    ) {
        table.pointee.training.softmax_gradient(p, dp, delta, scale, count, ds)
    }

    /// `y[i] += a[i] * b[i]`
    public static func addProduct(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, count: Int) {
        table.pointee.training.add_product(a, b, y, count)
    }
}
