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

    /// The trained tensors in the order of the buffers.
    func tensors(_ shape: (outputs: Int, inputs: Int)) -> [(kind: ParameterTensor.Kind, rows: Int, columns: Int)] {
        switch self {
        case .lowRank(let rank, _): [(.a, rank, shape.inputs), (.b, shape.outputs, rank)]
        case .decomposed(let rank, _): [(.a, rank, shape.inputs), (.b, shape.outputs, rank), (.magnitude, shape.outputs, 1)]
        case .outputScale: [(.outputScale, shape.outputs, 1)]
        case .inputScale: [(.inputScale, shape.inputs, 1)]
        case .factors(_, _, let rank): [(.rankFactors, rank, 1), (.outputFactors, shape.outputs, 1)]
        }
    }
}
