internal import Tensors

/// The logits and weights of one adapter's routers in one step, row by row.
///
/// `@unchecked Sendable`: a step writes it, each row by one thread. Read it after the step.
public final class ExpertTrace: @unchecked Sendable {
    public let rows: Int
    /// Of all routers.
    public let experts: Int
    let delta: AdapterDelta
    // [rows, experts] each
    private let logits: FloatBuffer
    private let weights: FloatBuffer

    /// For steps of up to `rows` rows.
    public init(of delta: AdapterDelta, rows: Int) {
        self.delta = delta
        self.rows = rows
        experts = delta.routers.last?.experts.upperBound ?? 0
        logits = FloatBuffer(count: rows * experts)
        weights = FloatBuffer(count: rows * experts)
    }

    /// A router's logits of one row.
    public func logits(_ router: ExpertRouter, row: Int) -> [Float] { values(logits, router, row) }

    /// The weights of one row; 0: not chosen.
    public func weights(_ router: ExpertRouter, row: Int) -> [Float] { values(weights, router, row) }

    private func values(_ buffer: FloatBuffer, _ router: ExpertRouter, _ row: Int) -> [Float] {
        precondition(row >= 0 && row < rows && router.experts.upperBound <= experts, "row \(row) or experts \(router.experts) are outside a trace of \(rows) rows and \(experts) experts")
        return router.experts.map { buffer.pointer[row * experts + $0] }
    }

    /// Where the rows of a pass are written, as plain pointers.
    struct View {
        let logits: UnsafeMutablePointer<Float>
        let weights: UnsafeMutablePointer<Float>
        let experts: Int

        func record(logits values: UnsafePointer<Float>, _ count: Int, row: Int, from first: Int) {
            (logits + row * experts + first).update(from: values, count: count)
        }

        /// The rows after the first `rows`.
        func advanced(by rows: Int) -> View {
            View(logits: logits + rows * experts, weights: weights + rows * experts, experts: experts)
        }

        func record(weight: Float, row: Int, expert: Int) { weights[row * experts + expert] = weight }
    }

    var view: View { View(logits: logits.pointer, weights: weights.pointer, experts: experts) }

    /// Removes the values of the step before.
    func clear() {
        logits.pointer.update(repeating: 0, count: rows * experts)
        weights.pointer.update(repeating: 0, count: rows * experts)
    }
}
