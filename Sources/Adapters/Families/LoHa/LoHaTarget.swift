internal import Tensors

/// The tensors of a module that a LoHa changes.
enum LoHaPart: String, ModulePart {
    /// `[outputs, r]` and `[r, inputs]`: the first matrix.
    case firstA = "hada_w1_a"
    case firstB = "hada_w1_b"
    /// The same of the second.
    case secondA = "hada_w2_a"
    case secondB = "hada_w2_b"
}

/// One module, whose tensors are of the right shapes and types.
struct LoHaTarget: FactoredTarget {
    let module: BaseModules.Linear
    let scale: Double
    /// Both pairs, in the order of `LoHaPart`.
    let tensors: [TensorView]
    /// Of each of the two matrices.
    private let innerRank: Int

    /// Nil when something is wrong, which is noted.
    init?(_ found: TargetPlanner<LoHaPart>.Target, rank: Int, alpha: Double, _ planner: inout TargetPlanner<LoHaPart>) {
        let before = planner.errors.count
        (module, innerRank, scale) = (found.module, rank, alpha / Double(rank))
        planner.require(LoHaPart.allCases, of: found)
        for part in [LoHaPart.firstA, .secondA] { planner.check(found.tensors[part], [module.outputs, rank], rankDimension: 1) }
        for part in [LoHaPart.firstB, .secondB] { planner.check(found.tensors[part], [rank, module.inputs], rankDimension: 0) }
        guard planner.errors.count == before else { return nil }
        tensors = LoHaPart.allCases.compactMap { found.tensors[$0] }
    }

    /// No more than a matrix of the module's shape can have.
    var rank: Int { min(innerRank * innerRank, module.inputs, module.outputs) }
    var workBytes: Int { 4 * rank * (module.inputs + module.outputs) + (rank < innerRank * innerRank ? 8 * module.inputs * module.outputs : 0) }

    func factors(_ tensors: [TensorView]) throws(AdapterError) -> Factors {
        let (inputs, outputs) = (module.inputs, module.outputs)
        let values = tensors.map { $0.floats() }
        if rank < innerRank * innerRank { return whole(values) }
        var (a, b) = ([Float](repeating: 0, count: rank * inputs), [Float](repeating: 0, count: outputs * rank))
        for first in 0..<innerRank {
            for second in 0..<innerRank {
                let row = first * innerRank + second
                for input in 0..<inputs { a[row * inputs + input] = values[1][first * inputs + input] * values[3][second * inputs + input] }
                for output in 0..<outputs {
                    b[output * rank + row] = values[0][output * innerRank + first] * values[2][output * innerRank + second]
                }
            }
        }
        return Factors(a: a, b: b)
    }

    /// The whole matrix and an identity, where r² pairs would be more than the module's width. Cost: `O(r * inputs * outputs)`.
    private func whole(_ values: [[Float]]) -> Factors {
        let (inputs, outputs) = (module.inputs, module.outputs)
        func product(_ left: [Float], _ right: [Float]) -> FloatBuffer {
            let (x, transposed) = (FloatBuffer(left), FloatBuffer(count: inputs * innerRank))
            for row in 0..<innerRank {
                for input in 0..<inputs { transposed.pointer[input * innerRank + row] = right[row * inputs + input] }
            }
            let product = FloatBuffer(count: outputs * inputs)
            BLAS.multiply(x: x.pointer, w: transposed.pointer, into: product.pointer, rows: outputs, inputs: innerRank, outputs: inputs)
            return product
        }
        let (first, second) = (product(values[0], values[1]), product(values[2], values[3]))
        Kernels.multiply(first.pointer, elementwise: second.pointer, count: outputs * inputs)
        let matrix = (0..<outputs * inputs).map { first.pointer[$0] }
        var identity = [Float](repeating: 0, count: rank * rank)
        for row in 0..<rank { identity[row * rank + row] = 1 }
        return outputs <= inputs ? Factors(a: matrix, b: identity) : Factors(a: identity, b: matrix)
    }
}
