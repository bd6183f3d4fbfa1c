internal import Tensors

/// What the routers of one adapter gave in one step, row by row.
///
/// `@unchecked Sendable`: a step writes it, each row by one thread; read it after.
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
        precondition(row >= 0 && row < rows && router.experts.upperBound <= experts, "the trace has that row and that router")
        return router.experts.map { buffer.pointer[row * experts + $0] }
    }

    /// Where the rows of a pass go: plain pointers.
    struct View {
        let logits: UnsafeMutablePointer<Float>
        let weights: UnsafeMutablePointer<Float>
        let experts: Int

        func record(logits values: UnsafePointer<Float>, _ count: Int, row: Int, from first: Int) {
            (logits + row * experts + first).update(from: values, count: count)
        }

        /// From so many rows later on.
        func advanced(by rows: Int) -> View {
            View(logits: logits + rows * experts, weights: weights + rows * experts, experts: experts)
        }

        func record(weight: Float, row: Int, expert: Int) { weights[row * experts + expert] = weight }
    }

    var view: View { View(logits: logits.pointer, weights: weights.pointer, experts: experts) }

    /// Forgets the step before.
    func clear() {
        logits.pointer.update(repeating: 0, count: rows * experts)
        weights.pointer.update(repeating: 0, count: rows * experts)
    }
}
