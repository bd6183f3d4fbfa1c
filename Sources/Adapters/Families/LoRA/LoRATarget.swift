internal import Models
internal import Tensors

/// The pair of one module, of the right shapes and types.
struct LoRATarget: AdapterTarget {
    let module: BaseModules.Linear
    let rank: Int
    let scale: Double
    /// `[rank, inputs]`
    let a: TensorView
    /// `[outputs, rank]`
    let b: TensorView
    /// `[outputs]`; scaled like `B A`.
    let bias: TensorView?
    /// `[outputs]`
    let magnitude: TensorView?
    /// DoRA.
    let isDecomposed: Bool
    /// Of a fused module: what `b`, `bias` and `magnitude` are rows of.
    var whole: Whole?

    var tensors: [TensorView] {
        guard let whole else { return [a, b] + [bias, magnitude].compactMap { $0 } }
        return whole.isFirst ? [a, whole.b] + [whole.bias, whole.magnitude].compactMap { $0 } : []
    }
    var workBytes: Int { room + (isDecomposed ? 4 * module.outputs * module.inputs : 0) }

    /// The same with its elements, as long as the reader keeps them.
    func read(_ reader: ElementReader) throws(AdapterError) -> LoRATarget {
        if let whole { return try read(whole, reader) }
        let bias: TensorView? = if let bias { try reader.read(bias) } else { nil }
        let magnitude: TensorView? = if let magnitude { try reader.read(magnitude) } else { nil }
        return LoRATarget(
            module: module, rank: rank, scale: scale, a: try reader.read(a), b: try reader.read(b), bias: bias,
            magnitude: magnitude, isDecomposed: isDecomposed)
    }

    /// The low-rank part and its bias; empty when they are zero, as B is until training moves it. Errors: `nonFinite`, and
    /// `wrongShape` when the two matrices do not go together.
    func lowRankPatch(_ element: LowRank.Element, _ memory: MatrixMemory) throws(AdapterError) -> LinearPatch {
        let largest = element == .bf16 ? ElementLimit.firstBeyondBF16 : ElementLimit.infinity
        try ElementLimit.check(a, largest)
        try ElementLimit.check(b, largest)
        if let bias { try ElementLimit.check(bias) }
        let scale = Float(scale)
        var patch = LinearPatch()
        guard scale != 0 else { return patch }
        // A rank has an effect only if its row of A and its column of B are both not zero.
        if zip(a.nonzeroRows(), b.nonzeroColumns()).contains(where: { $0 && $1 }) {
            do throws(ModelError) {
                patch.lowRank = try LowRank(a: a, b: b, scale: scale, element: element, memory: memory)
            } catch {
                throw AdapterError(error, .wrongShape, tensor: a.name)
            }
        }
        if let bias = bias?.floats(), bias.contains(where: { $0 != 0 }) {
            patch.bias = FloatBuffer(bias.map { $0 * scale })
        }
        return patch
    }
}
