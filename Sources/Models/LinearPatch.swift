public import Tensors

/// What an adapter does to one projection of one layer:
///
///     y = outputScale * (W (inputScale * x) + scale * B (A x)) + bias
///
/// Products with `inputScale` and `outputScale` are element by element; each part is optional. LoRA and rsLoRA are `lowRank`;
/// DoRA adds `outputScale`, IA³ is `outputScale` or `inputScale`, VeRA is a `lowRank` with factors. The base's own bias, where
/// it has one, is added after `outputScale` and is not scaled by it. Vectors are in the order of Hugging Face checkpoints.
public struct LinearPatch: Sendable {
    public var lowRank: LowRank?
    /// `[inputs]`
    public var inputScale: FloatBuffer?
    /// `[outputs]`
    public var outputScale: FloatBuffer?
    /// `[outputs]`
    public var bias: FloatBuffer?

    public init(
        lowRank: LowRank? = nil, inputScale: FloatBuffer? = nil, outputScale: FloatBuffer? = nil,
        bias: FloatBuffer? = nil
    ) {
        self.lowRank = lowRank
        self.inputScale = inputScale
        self.outputScale = outputScale
        self.bias = bias
    }

    /// Nothing is done: the projection is the base's.
    public var isEmpty: Bool { lowRank == nil && inputScale == nil && outputScale == nil && bias == nil }

    /// Bytes of all parts.
    public var byteCount: Int { (lowRank?.byteCount ?? 0) + vectorBytes }

    /// Bytes of all parts but the low-rank one.
    var vectorBytes: Int { [inputScale, outputScale, bias].reduce(0) { $0 + 4 * ($1?.count ?? 0) } }
}
