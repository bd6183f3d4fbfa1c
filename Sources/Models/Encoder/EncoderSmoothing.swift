internal import Glibc
internal import Tensors

/// Reduces the error of int8 activations with outliers (SmoothQuant, arXiv 2211.10438).
///
/// A few channels of the residual stream are many times larger than the others and cost their block of 32 its precision. Channel j of
/// an input is divided by s[j], the power of two nearest to `sqrt(max|x[j]| / max|W[., j]|)`, before it is quantised, and its
/// weights are multiplied by it before they are quantised. The product is the same, and both sides share the range. The maxima of x
/// are those of fixed random tokens on the reference path.
struct EncoderSmoothing {
    /// The inputs that are rows of the residual stream.
    enum Input: Int, CaseIterable {
        /// Of query, key and value.
        case attention
        case feedForward

        var projections: [EncoderProjection] { self == .attention ? [.query, .key, .value] : [.intermediate] }
    }

    /// Texts and tokens a text that the maxima are taken over.
    private static let texts = 16
    private static let tokens = 16

    /// At `layer * 2 + input`: `s`, `[hidden]`.
    private let scales: [[Float]]

    /// Cost: one pass of the reference path over 256 tokens.
    init(_ configuration: EncoderConfiguration, _ weights: EncoderWeights) throws(ModelError) {
        let count = configuration.layers * Input.allCases.count
        var largest = [[Float]](repeating: .init(repeating: 0, count: configuration.hidden), count: count)
        let plan = try EncoderPlan(capacity: Self.texts * Self.tokens, configuration: configuration)
        // A linear congruence (Knuth's MMIX): the same tokens each time.
        var state: UInt64 = 1
        for _ in 0..<Self.texts {
            let text = (0..<min(Self.tokens, configuration.maximumTokens)).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int32(state >> 33) % Int32(configuration.vocabulary)
            }
            _ = plan.append(text)
        }
        ReferenceEncoder(configuration, weights, plan: plan).run { layer, input in
            let index = layer * Input.allCases.count + input.rawValue
            for place in 0..<plan.rows * configuration.hidden {
                let column = place % configuration.hidden
                largest[index][column] = max(largest[index][column], abs(plan.residual.pointer[place]))
            }
        }
        scales = (0..<count).map { index in
            let input = index % 2 == Input.attention.rawValue ? Input.attention : .feedForward
            let layer = weights.layers[index / Input.allCases.count]
            let widest = Self.columnMaxima(input.projections.map { layer.matrices[$0.rawValue] })
            return zip(largest[index], widest).map { x, w in
                // A power of two, so that the last bits of the maxima, which depend on OpenBLAS, have no effect. Channels that are
                // never used, or have weights that are not finite, keep the factor 1.
                let scale = exp2((log2(max(x, 1e-3) / max(w, 1e-4)) / 2).rounded())
                return scale.isFinite ? scale : 1
            }
        }
    }

    /// The factors of an input's channels: `1 / s`.
    func factors(_ layer: Int, _ input: Input) -> FloatBuffer {
        FloatBuffer(scales[layer * Input.allCases.count + input.rawValue].map { 1 / $0 })
    }

    /// A projection's matrix with its columns multiplied by `s`; unchanged where its input is not the residual stream.
    func smoothed(_ view: TensorView, _ layer: Int, _ projection: EncoderProjection) -> TensorView {
        guard let input = Input.allCases.first(where: { $0.projections.contains(projection) }) else { return view }
        let scale = scales[layer * Input.allCases.count + input.rawValue]
        let values = FloatBuffer(view.floats())
        scale.withUnsafeBufferPointer { scale in
            guard let base = scale.baseAddress else { return }
            for row in 0..<view.rows {
                Kernels.multiply(values.pointer + row * scale.count, elementwise: base, count: scale.count)
            }
        }
        let bytes = UnsafeRawBufferPointer(start: values.pointer, count: 4 * values.count)
        return TensorView(name: view.name, dtype: .f32, shape: view.shape, copying: bytes) ?? view
    }

    /// `max |W[., j]|` over the rows of all matrices.
    private static func columnMaxima(_ matrices: [TensorView]) -> [Float] {
        var maxima = [Float](repeating: 0, count: matrices.first?.columns ?? 0)
        for matrix in matrices {
            let values = matrix.floats()
            maxima.withUnsafeMutableBufferPointer { maxima in
                values.withUnsafeBufferPointer { values in
                    var place = 0
                    for _ in 0..<matrix.rows {
                        for column in 0..<maxima.count {
                            maxima[column] = max(maxima[column], abs(values[place]))
                            place += 1
                        }
                    }
                }
            }
        }
        return maxima
    }
}
