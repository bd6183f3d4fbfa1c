internal import Tensors

/// The tensors of a module that an AdaLoRA changes.
enum AdaLoRAPart: String, ModulePart {
    /// `[rank, inputs]`
    case a = "lora_A"
    /// `[outputs, rank]`
    case b = "lora_B"
    /// `[rank, 1]`
    case values = "lora_E"
}

/// One module, whose tensors are of the right shapes and types.
struct AdaLoRATarget: FactoredTarget {
    let module: BaseModules.Linear
    let rank: Int
    let scale: Double
    /// A, B and E.
    let tensors: [TensorView]

    /// Nil when something is wrong, which is noted. A module that kept no rank has tensors without elements.
    init?(_ found: TargetPlanner<AdaLoRAPart>.Target, rank: Int, scale: Double, _ planner: inout TargetPlanner<AdaLoRAPart>) {
        let before = planner.errors.count
        (module, self.rank, self.scale) = (found.module, rank, scale)
        planner.require(AdaLoRAPart.allCases, of: found)
        planner.check(found.tensors[.a], [rank, module.inputs], rankDimension: 0)
        planner.check(found.tensors[.b], [module.outputs, rank], rankDimension: 1)
        planner.check(found.tensors[.values], [rank, 1], rankDimension: 0)
        guard planner.errors.count == before else { return nil }
        tensors = AdaLoRAPart.allCases.compactMap { found.tensors[$0] }
    }

    func factors(_ tensors: [TensorView]) throws(AdapterError) -> Factors {
        var a = tensors[0].floats()
        for (rank, value) in tensors[2].floats().enumerated() {
            for index in rank * module.inputs..<(rank + 1) * module.inputs { a[index] *= value }
        }
        return Factors(a: a, b: tensors[1].floats())
    }
}
