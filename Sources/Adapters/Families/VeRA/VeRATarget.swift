internal import Models
internal import Tensors

/// The tensors of a module that a VeRA changes.
enum VeRAPart: String, ModulePart {
    /// `[outputs]`
    case outputFactors = "vera_lambda_b"
    /// `[rank]`
    case rankFactors = "vera_lambda_d"
}

/// The vectors of one module, of the right shapes and types.
struct VeRATarget: AdapterTarget {
    let module: BaseModules.Linear
    let outputFactors: TensorView
    let rankFactors: TensorView

    var tensors: [TensorView] { [outputFactors, rankFactors] }

    /// Nil when something is wrong, which is noted.
    init?(_ found: TargetPlanner<VeRAPart>.Target, rank: Int, _ planner: inout TargetPlanner<VeRAPart>) {
        let before = planner.errors.count
        planner.require(VeRAPart.allCases, of: found)
        planner.check(found.tensors[.outputFactors], [found.module.outputs])
        planner.check(found.tensors[.rankFactors], [rank], rankDimension: 0)
        guard planner.errors.count == before, let outputFactors = found.tensors[.outputFactors],
            let rankFactors = found.tensors[.rankFactors]
        else { return nil }
        module = found.module
        self.outputFactors = outputFactors
        self.rankFactors = rankFactors
    }

    /// Nil when the module stays as it is: `lambda_b` is zero until training moves it.
    func patch(_ reader: ElementReader, _ matrices: VeRAMatrices) throws(AdapterError) -> LinearPatch? {
        let (outputView, rankView) = (try reader.read(outputFactors), try reader.read(rankFactors))
        try ElementLimit.check(outputView)
        try ElementLimit.check(rankView)
        let (outputs, ranks) = (outputView.floats(), rankView.floats())
        guard outputs.contains(where: { $0 != 0 }), zip(ranks, matrices.isUsed).contains(where: { $0 != 0 && $1 }) else { return nil }
        return LinearPatch(
            lowRank: matrices.lowRank.with(rankFactors: FloatBuffer(ranks), outputFactors: FloatBuffer(outputs)))
    }
}
