internal import Tensors

/// The encoder as in the paper, in f32: the fast path is measured against it.
final class ReferenceEncoder {
    private let configuration: EncoderConfiguration
    private let weights: EncoderWeights
    private let plan: EncoderPlan
    private let matrix = ReferenceMatrix()
    private let attentionScratch = GrowingFloats()

    init(_ configuration: EncoderConfiguration, _ weights: EncoderWeights, plan: EncoderPlan) {
        self.configuration = configuration
        self.weights = weights
        self.plan = plan
    }

    /// Computes the plan's tokens; the result is its residual stream. Calls `observe` before projections read that stream.
    func run(observe: (_ layer: Int, _ input: EncoderSmoothing.Input) -> Void = { _, _ in }) {
        for text in 0..<plan.textCount {
            for row in plan.starts[text]..<plan.starts[text + 1] { plan.embed(text, row, weights, configuration) }
        }
        for (index, layer) in weights.layers.enumerated() {
            observe(index, .attention)
            for text in 0..<plan.textCount {
                if index == 0 { plan.keepMean(text, 0) }
                if index == configuration.middleLayer { plan.keepMean(text, 1) }
            }
            linear(layer, .query, plan.residual, into: plan.query)
            linear(layer, .key, plan.residual, into: plan.key)
            linear(layer, .value, plan.residual, into: plan.value)
            attention()
            linear(layer, .output, plan.attended, into: plan.projected)
            addAndNorm(layer.attentionNorm)
            observe(index, .feedForward)
            linear(layer, .intermediate, plan.residual, into: plan.intermediate)
            let count = plan.rows * configuration.feedForward
            switch configuration.activation {
            case .gelu: Kernels.gelu(plan.intermediate.pointer, count: count)
            case .geluTanh: Kernels.geluTanh(plan.intermediate.pointer, count: count)
            }
            linear(layer, .down, plan.intermediate, into: plan.projected)
            addAndNorm(layer.outputNorm)
        }
    }

    private func attention() {
        let (hidden, dimension) = (configuration.hidden, configuration.headDimension)
        for text in 0..<plan.textCount {
            let tokens = plan.starts[text + 1] - plan.starts[text]
            let start = plan.starts[text] * hidden
            attentionScratch.reserve(Kernels.bidirectionalAttentionScratch(tokens: tokens, headDimension: dimension))
            Kernels.bidirectionalAttention(
                queries: plan.query.pointer + start, keys: plan.key.pointer + start, values: plan.value.pointer + start,
                stride: hidden, tokens: tokens, headRange: 0..<configuration.heads, headDimension: dimension,
                scale: 1 / Float(dimension).squareRoot(), scratch: attentionScratch.pointer,
                into: plan.attended.pointer + start, outputStride: hidden)
        }
    }

    /// `y = W x + b`
    private func linear(
        _ layer: EncoderWeights.Layer, _ projection: EncoderProjection, _ x: FloatBuffer, into y: FloatBuffer
    ) {
        matrix.multiply(layer.matrices[projection.rawValue], x.pointer, rows: plan.rows, into: y.pointer)
        let bias = layer.biases[projection.rawValue]
        for row in 0..<plan.rows {
            Kernels.add(bias.pointer, to: y.pointer + row * bias.count, count: bias.count)
        }
    }

    private func addAndNorm(_ norm: EncoderWeights.Norm) {
        let hidden = configuration.hidden
        Kernels.add(plan.projected.pointer, to: plan.residual.pointer, count: plan.rows * hidden)
        for row in 0..<plan.rows {
            norm.apply(plan.residual.pointer + row * hidden, count: hidden, epsilon: configuration.normEpsilon)
        }
    }
}
