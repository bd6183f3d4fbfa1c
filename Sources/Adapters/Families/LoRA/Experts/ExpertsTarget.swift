internal import Models
internal import Tensors

/// A pair of a mixture's layer, of the right shapes and types: of all experts together (PEFT's `target_parameters`), of one, or of the router.
struct ExpertsTarget: Sendable {
    enum Kind: Sendable, Hashable {
        /// `experts.gate_up_proj`, gate before up, or `experts.down_proj`.
        case all([Projection])
        /// A module of one expert.
        case one(Int, Projection)
        case router
    }

    let layer: Int
    let kind: Kind
    /// The parameter or module: `model.layers.0.mlp.experts.down_proj`.
    let path: String
    /// What a summary calls it: `experts.down_proj`.
    let shortName: String
    /// Outputs of gate and up take turns.
    let takesTurns: Bool
    let rank: Int
    let scale: Double
    /// Of all experts: rows `e * rank + r` of A, `[experts * rank, inputs]`, and columns `r * experts + e` of B, `[outputs, rank * experts]`,
    /// are expert e's.
    let a: TensorView
    let b: TensorView

    /// One update, and what it changes; nil: the router.
    typealias Piece = (place: (expert: Int, projection: Projection)?, lowRank: LowRank)

    var tensors: [TensorView] { [a, b] }
    var room: Int { tensors.reduce(0) { $0 + ElementReader.room($1) } }
    var parameters: Int { tensors.reduce(0) { $0 + $1.elementCount } }

    /// Bytes of its matrices in memory. Gate and up have a copy of their A each. A router is f32.
    func byteCount(_ element: LowRank.Element) -> Int { pieces(element).reduce(0) { $0 + $1 } }
    /// The same as the matrices lie in a block.
    func footprint(_ element: LowRank.Element) -> Int { pieces(element).reduce(0) { $0 + MatrixMemory.footprint($1) } }

    private func pieces(_ element: LowRank.Element) -> [Int] {
        func pair(_ outputs: Int, _ element: LowRank.Element) -> [Int] {
            let bytes = LowRank.byteCounts(rank: rank, inputs: a.columns, outputs: outputs, element: element)
            return [bytes.a, bytes.b]
        }
        switch kind {
        case .router: return pair(b.rows, .f32)
        case .one: return pair(b.rows, element)
        case .all(let parts):
            let expert = parts.flatMap { _ in pair(b.rows / parts.count, element) }
            return (0..<a.rows / rank).flatMap { _ in expert }
        }
    }

    /// Its updates, without those that are zero. The tensors have their elements. Errors: `nonFinite`.
    func updates(_ element: LowRank.Element, _ memory: MatrixMemory) throws(AdapterError) -> [Piece] {
        let largest = element == .bf16 ? ElementLimit.firstBeyondBF16 : ElementLimit.infinity
        try ElementLimit.check(a, largest)
        try ElementLimit.check(b, largest)
        var updates: [Piece] = []
        for (place, a, b) in separate() {
            guard Float(scale) != 0, zip(a.nonzeroRows(), b.nonzeroColumns()).contains(where: { $0 && $1 }) else { continue }
            do throws(ModelError) {
                updates.append(
                    (place, try LowRank(a: a, b: b, scale: Float(scale), element: place == nil ? .f32 : element, memory: memory)))
            } catch {
                throw AdapterError(error, .wrongShape, tensor: a.name)
            }
        }
        return updates
    }

    /// The Frobenius norm of the change of all its experts.
    func norm() -> Double {
        let squares = separate().reduce(0.0) { sum, pair in
            let norm = LowRankNorm.norm(a: pair.a, b: pair.b)
            return sum + norm * norm
        }
        return abs(scale) * squares.squareRoot()
    }

    /// A and B of each update.
    private func separate() -> [(place: (expert: Int, projection: Projection)?, a: TensorView, b: TensorView)] {
        switch kind {
        case .router: return [(nil, a, b)]
        case .one(let expert, let projection): return [((expert, projection), a, b)]
        case .all(let parts):
            let (experts, outputs, values) = (a.rows / rank, b.rows / parts.count, b.floats())
            var separate: [(place: (expert: Int, projection: Projection)?, a: TensorView, b: TensorView)] = []
            for expert in 0..<experts {
                for (number, projection) in parts.enumerated() {
                    let own = FloatBuffer(count: outputs * rank)
                    for row in 0..<outputs {
                        let source = takesTurns ? row * parts.count + number : number * outputs + row
                        for place in 0..<rank {
                            own.pointer[row * rank + place] = values[(source * rank + place) * experts + expert]
                        }
                    }
                    guard let b = TensorView(name: b.name, shape: [outputs, rank], buffer: own) else { continue }
                    separate.append(((expert, projection), a.slice(expert * rank..<(expert + 1) * rank), b))
                }
            }
            return separate
        }
    }
}
