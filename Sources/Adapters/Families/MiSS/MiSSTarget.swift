internal import Tensors

/// The tensor of a module that a MiSS changes.
enum MiSSPart: String, ModulePart {
    /// `[r, outputs]`, or `[r, columns]` where columns are repeated.
    case block = "miss_block"
}

/// How wide blocks are.
enum MiSSColumns: Sendable {
    /// A column for each output.
    case ofOutputs
    /// So many, repeated over the outputs.
    case repeated(Int)
}

/// One module, whose block is of the right shape and type.
struct MiSSTarget: FactoredTarget {
    let module: BaseModules.Linear
    let tensors: [TensorView]
    private let sums: Int
    private let columns: Int

    let scale = 1.0
    /// Of the two ways to write the change, the smaller: sums of inputs, or equal outputs.
    var rank: Int { min(sums, columns) }
    var workBytes: Int { 4 * rank * (module.inputs + module.outputs) }

    /// Nil when something is wrong, which is noted.
    init?(_ found: TargetPlanner<MiSSPart>.Target, rank: Int, columns: MiSSColumns, _ planner: inout TargetPlanner<MiSSPart>) {
        let before = planner.errors.count
        (module, sums) = (found.module, rank)
        self.columns = if case .repeated(let count) = columns { count } else { found.module.outputs }
        planner.require([.block], of: found)
        planner.check(found.tensors[.block], [rank, self.columns], rankDimension: 0)
        if rank > module.inputs || module.outputs % self.columns != 0 {
            let reason =
                rank > module.inputs ? "r \(rank) for the \(module.inputs) inputs" : "mini_r \(self.columns) for the \(module.outputs) outputs"
            planner.note(
                AdapterError(
                    .malformed, "\(reason) of \(module.path); peft refuses it", file: AdapterFile.configuration,
                    key: rank > module.inputs ? "r" : "mini_r"))
        }
        guard planner.errors.count == before else { return nil }
        tensors = [found.tensors[.block]].compactMap { $0 }
    }

    /// The change is `block[input mod r, output mod columns]`.
    func factors(_ tensors: [TensorView]) throws(AdapterError) -> Factors {
        let (inputs, outputs, block) = (module.inputs, module.outputs, tensors[0].floats())
        var (a, b) = ([Float](repeating: 0, count: rank * inputs), [Float](repeating: 0, count: outputs * rank))
        if sums <= columns {
            for input in 0..<inputs { a[(input % sums) * inputs + input] = 1 }
            for output in 0..<outputs {
                for row in 0..<rank { b[output * rank + row] = block[row * columns + output % columns] }
            }
        } else {
            for row in 0..<rank {
                for input in 0..<inputs { a[row * inputs + input] = block[(input % sums) * columns + row] }
            }
            for output in 0..<outputs { b[output * rank + output % columns] = 1 }
        }
        return Factors(a: a, b: b)
    }
}
