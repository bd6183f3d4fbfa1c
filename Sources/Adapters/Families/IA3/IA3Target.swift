internal import Models
internal import Tensors

/// The tensor of a module that an IA3 changes.
enum IA3Part: String, ModulePart {
    /// `[outputs, 1]`, or `[1, inputs]` of a feed-forward module.
    case vector = "ia3_l"
}

/// The vector of one module, of the right shape and type.
struct IA3Target: AdapterTarget {
    let module: BaseModules.Linear
    /// The input is scaled, not the output.
    let isFeedForward: Bool
    let vector: TensorView

    var tensors: [TensorView] { [vector] }

    /// Nil when something is wrong, which is noted.
    init?(_ found: TargetPlanner<IA3Part>.Target, _ configuration: IA3Configuration, _ planner: inout TargetPlanner<IA3Part>) {
        guard let vector = found.tensors[.vector] else { return nil }
        module = found.module
        isFeedForward = configuration.isFeedForward(module.path)
        self.vector = vector
        let before = planner.errors.count
        let (expected, other) = isFeedForward ? ([1, module.inputs], [module.outputs, 1]) : ([module.outputs, 1], [1, module.inputs])
        if vector.shape == other && other != expected {
            planner.note(
                AdapterError(
                    .wrongShape, "the shape is \(other), expected \(expected): feedforward_modules say which of them a module has",
                    file: AdapterFile.weights, tensor: vector.name))
        } else {
            planner.check(vector, expected)
        }
        guard planner.errors.count == before else { return nil }
    }

    /// Nil when all elements are 1. `vector` has its elements.
    func patch(_ vector: TensorView, _ weights: BaseWeights) throws(AdapterError) -> LinearPatch? {
        try ElementLimit.check(vector)
        let values = vector.floats()
        guard values.contains(where: { $0 != 1 }) else { return nil }
        if isFeedForward { return LinearPatch(inputScale: FloatBuffer(values)) }
        // A patch's output scale does not reach the base's bias, which IA3 scales as well: l b = b + (l - 1) b.
        let bias = weights.bias(of: module.layer, module.projection).map { zip(values, $0).map { ($0 - 1) * $1 } }
        return LinearPatch(outputScale: FloatBuffer(values), bias: bias.map { FloatBuffer($0) })
    }

    /// The Frobenius norm of the change of W, plus the norm of that of the bias.
    func norm(_ weights: BaseWeights) -> Double {
        let change = FloatBuffer(vector.floats().map { $0 - 1 })
        let sliceRows = BaseWeights.sliceRows(module.inputs)
        let slice = FloatBuffer(count: sliceRows * module.inputs)
        var square = 0.0
        for first in stride(from: 0, to: module.outputs, by: sliceRows) {
            let rows = first..<min(first + sliceRows, module.outputs)
            weights.read(rows, of: module.layer, module.projection, into: slice.pointer)
            for (index, row) in rows.enumerated() {
                let values = slice.pointer + index * module.inputs
                if isFeedForward {
                    Kernels.multiply(values, elementwise: change.pointer, count: module.inputs)
                } else {
                    Kernels.multiply(values, by: change.pointer[row], count: module.inputs)
                }
                square += Double(Kernels.dot(values, values, count: module.inputs))
            }
        }
        guard !isFeedForward, let bias = weights.bias(of: module.layer, module.projection) else { return square.squareRoot() }
        let changes = FloatBuffer(bias)
        Kernels.multiply(changes.pointer, elementwise: change.pointer, count: bias.count)
        return square.squareRoot() + Double(Kernels.dot(changes.pointer, changes.pointer, count: bias.count)).squareRoot()
    }
}
