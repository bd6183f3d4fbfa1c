public import Tensors

/// What training changes at one linear map, and how it enters `y = outputScale * (W (inputScale * x) + scale * outputFactors * (B
/// (rankFactors * (A x)))) + bias`. See `LinearPatch`.
public enum TrainableForm: Sendable {
    /// LoRA (`scale` alpha / rank) and rsLoRA (alpha / sqrt(rank)): A and B.
    case lowRank(rank: Int, scale: Float)
    /// DoRA: A, B and the magnitude. The output scale is magnitude / norm of the rows of `W + scale B A`; the norm counts as a constant in
    /// gradients.
    case decomposed(rank: Int, scale: Float)
    /// IA³ behind a map: factors of its output, the base's bias included.
    case outputScale
    /// IA³ before a map.
    case inputScale
    /// VeRA: rank and output factors are trained. A `[rank, inputs]` and B `[outputs, rank]` are given and stay.
    case factors(a: FloatBuffer, b: FloatBuffer, rank: Int)
    /// MoLA and LoRAMoE: a router and low-rank experts. See `LinearMixture`.
    case experts(ExpertForm, ExpertSelection)

    /// The trained tensors in the order of the buffers.
    func tensors(_ shape: (outputs: Int, inputs: Int)) -> [ParameterTensor.Shape] {
        switch self {
        case .lowRank(let rank, _): Self.lowRank(shape, rank)
        case .decomposed(let rank, _): Self.lowRank(shape, rank) + [.init(kind: .magnitude, rows: shape.outputs)]
        case .outputScale: [.init(kind: .outputScale, rows: shape.outputs)]
        case .inputScale: [.init(kind: .inputScale, rows: shape.inputs)]
        case .factors(_, _, let rank): [.init(kind: .rankFactors, rows: rank), .init(kind: .outputFactors, rows: shape.outputs)]
        case .experts(let form, _):
            form.tensors(shape) + [.init(kind: .router, rows: form.experts, columns: shape.inputs)]
        }
    }

    private static func lowRank(_ shape: (outputs: Int, inputs: Int), _ rank: Int) -> [ParameterTensor.Shape] {
        [.init(kind: .a, rows: rank, columns: shape.inputs), .init(kind: .b, rows: shape.outputs, columns: rank)]
    }
}
