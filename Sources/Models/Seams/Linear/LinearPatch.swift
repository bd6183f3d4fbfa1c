public import Tensors

/// What an adapter does to one projection of one layer:
///
///     y = outputScale * (W (inputScale * x) + scale * B (A x) + mixture(x)) + bias
///
/// Products with `inputScale` and `outputScale` are element by element; each part is optional. LoRA and rsLoRA are `lowRank`;
/// DoRA adds `outputScale`, IA³ is `outputScale` or `inputScale`, VeRA is a `lowRank` with factors, MoLA and LoRAMoE are a `mixture`.
/// The base's own bias is added after `outputScale` and is not scaled by it. Vectors are in the order of Hugging Face checkpoints.
public struct LinearPatch: Sendable {
    public var lowRank: LowRank?
    /// `[inputs]`
    public var inputScale: FloatBuffer?
    /// `[outputs]`
    public var outputScale: FloatBuffer?
    /// `[outputs]`
    public var bias: FloatBuffer?
    /// Low-rank updates among which a router chooses, row by row.
    public var mixture: LinearMixture?

    public init(
        lowRank: LowRank? = nil, inputScale: FloatBuffer? = nil, outputScale: FloatBuffer? = nil,
        bias: FloatBuffer? = nil, mixture: LinearMixture? = nil
    ) {
        self.lowRank = lowRank
        self.inputScale = inputScale
        self.outputScale = outputScale
        self.bias = bias
        self.mixture = mixture
    }

    /// It changes nothing: the projection is the base's.
    public var isEmpty: Bool { lowRank == nil && inputScale == nil && outputScale == nil && bias == nil && mixture == nil }

    /// Bytes of all parts.
    public var byteCount: Int { (lowRank?.byteCount ?? 0) + vectorBytes + (mixture?.byteCount ?? 0) }

    /// Bytes of the vectors.
    var vectorBytes: Int { [inputScale, outputScale, bias].reduce(0) { $0 + 4 * ($1?.count ?? 0) } }
}
