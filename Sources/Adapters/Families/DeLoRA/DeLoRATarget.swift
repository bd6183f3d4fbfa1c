internal import Tensors

/// The tensors of a module that a DeLoRA changes.
enum DeLoRAPart: String, ModulePart {
    /// `[rank, inputs]`
    case a = "delora_A"
    /// `[outputs, rank]`
    case b = "delora_B"
    /// `[1]`
    case bound = "delora_lambda"
    /// `[inputs]`: the norms of the base's columns when training began.
    case norms = "delora_w_norm"
}

/// One module, whose tensors are of the right shapes and types.
struct DeLoRATarget: FactoredTarget {
    /// The least norm that is divided by, as in PEFT.
    private static let leastNorm = 1e-4

    let module: BaseModules.Linear
    let rank: Int
    let scale = 1.0
    /// In the order of `DeLoRAPart`.
    let tensors: [TensorView]

    /// Nil when something is wrong, which is noted.
    init?(_ found: TargetPlanner<DeLoRAPart>.Target, rank: Int, _ planner: inout TargetPlanner<DeLoRAPart>) {
        let before = planner.errors.count
        (module, self.rank) = (found.module, rank)
        planner.require(DeLoRAPart.allCases, of: found)
        planner.check(found.tensors[.a], [rank, module.inputs], rankDimension: 0)
        planner.check(found.tensors[.b], [module.outputs, rank], rankDimension: 1)
        planner.check(found.tensors[.bound], [1])
        planner.check(found.tensors[.norms], [module.inputs])
        guard planner.errors.count == before else { return nil }
        tensors = DeLoRAPart.allCases.compactMap { found.tensors[$0] }
    }

    /// The factors of ranks and inputs go into A.
    func factors(_ tensors: [TensorView]) throws(AdapterError) -> Factors {
        var (a, b) = (tensors[0].floats(), tensors[1].floats())
        let (bound, norms, inputs) = (Double(tensors[2].floats()[0]), tensors[3].floats(), module.inputs)
        for row in 0..<rank {
            let first = (0..<inputs).reduce(0.0) { $0 + Double(a[row * inputs + $1]) * Double(a[row * inputs + $1]) }.squareRoot()
            let second = (0..<module.outputs).reduce(0.0) { $0 + Double(b[$1 * rank + row]) * Double(b[$1 * rank + row]) }.squareRoot()
            let factor = bound / Double(rank) / (max(first, Self.leastNorm) * max(second, Self.leastNorm))
            for input in 0..<inputs { a[row * inputs + input] = Float(Double(a[row * inputs + input]) * factor * Double(norms[input])) }
        }
        return Factors(a: a, b: b)
    }
}
