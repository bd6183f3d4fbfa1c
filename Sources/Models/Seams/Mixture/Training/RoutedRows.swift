internal import Tensors

/// What routers make of the rows of a step, and the gradients of their logits. `[rows, stride]` each.
final class RoutedRows {
    private let probabilities = GrowingFloats()
    private let chosen = GrowingFloats()
    private let logitSlopes = GrowingFloats()
    /// The most experts of a router.
    private(set) var stride = 0

    func reserve(rows: Int, experts: Int) throws(ResourceError) {
        stride = experts
        for own in [probabilities, chosen, logitSlopes] { try own.grow(to: rows * experts) }
    }

    func p(_ row: Int) -> UnsafeMutablePointer<Float> { probabilities.pointer + row * stride }
    /// 0: not chosen.
    func weights(_ row: Int) -> UnsafeMutablePointer<Float> { chosen.pointer + row * stride }
    /// Gradients of the weights, then of the logits.
    func slopes(_ row: Int) -> UnsafeMutablePointer<Float> { logitSlopes.pointer + row * stride }

    /// Rows of x, `[rows, inputs]`.
    func route(_ router: TrainableRouter, _ x: UnsafePointer<Float>, _ rows: Range<Int>) {
        for row in rows { router.route(x + row * router.inputs, p: p(row), weights: weights(row)) }
    }

    /// From the gradients of weights to those of logits, with the balance loss's share.
    func differentiate(_ router: TrainableRouter, _ rows: Range<Int>, _ balance: BalanceRecord?, weight: Float) {
        for row in rows { router.slopes(slopes(row), p: p(row), weights: weights(row), into: slopes(row)) }
        guard let balance, weight != 0 else { return }
        for part in balance.parts {
            for row in part.rows.clamped(to: rows) {
                let (p, dz) = (p(row), slopes(row))
                var mean = Float(0)
                for expert in 0..<router.experts { mean += p[expert] * part.slopes[expert] }
                for expert in 0..<router.experts { dz[expert] += weight * p[expert] * (part.slopes[expert] - mean) }
            }
        }
    }

    /// `dR += dzᵀ x`, some columns.
    func addGradient(_ router: TrainableRouter, _ x: UnsafePointer<Float>, _ rows: Range<Int>, columns: Range<Int>) {
        Kernels.matmul(
            .init(slopes(rows.lowerBound), rowStride: 1, columnStride: stride),
            .init(x + rows.lowerBound * router.inputs + columns.lowerBound, rowStride: router.inputs),
            into: router.gradient + columns.lowerBound, cStride: router.inputs, rows: router.experts, columns: columns.count,
            depth: rows.count, adds: true)
    }

    /// `dx += dz R`, some rows.
    func addInputSlopes(_ router: TrainableRouter, _ rows: Range<Int>, into dx: UnsafeMutablePointer<Float>) {
        if rows.isEmpty { return }
        Kernels.matmul(
            .init(slopes(rows.lowerBound), rowStride: stride), .init(router.weights, rowStride: router.inputs),
            into: dx + rows.lowerBound * router.inputs, cStride: router.inputs, rows: rows.count, columns: router.inputs,
            depth: router.experts, adds: true)
    }
}
