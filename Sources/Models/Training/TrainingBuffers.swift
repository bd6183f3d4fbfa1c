internal import Tensors

/// What one layer computes on its way forward, as its way back needs it. f32, `[rows, width]` each.
final class LayerActivations {
    /// The norm of the layer's input.
    let attentionInput: FloatBuffer
    /// Before norms of heads and rotation; the same memory as `query` and `key` in families without head norms.
    let rawQuery: FloatBuffer
    let rawKey: FloatBuffer
    let query: FloatBuffer
    let key: FloatBuffer
    let value: FloatBuffer
    /// `[rows, heads]`: the logarithm of the sum of each softmax.
    let logSumExp: FloatBuffer
    let attended: FloatBuffer
    /// What attention adds, before its norm in families that have one.
    let attentionOutput: FloatBuffer
    /// The residual stream between attention and feed-forward.
    let middle: FloatBuffer
    let feedForwardInput: FloatBuffer
    let gate: FloatBuffer
    let up: FloatBuffer
    /// `activation(gate) * up`
    let activated: FloatBuffer
    /// What the feed-forward adds, before its norm.
    let feedForwardOutput: FloatBuffer
    /// By projection: the product before an adapter scales it, or empty.
    let unscaled: [FloatBuffer]

    init(_ configuration: DecoderConfiguration, rows: Int, keepsUnscaled: Bool) throws(ResourceError) {
        func buffer(_ width: Int) throws(ResourceError) -> FloatBuffer {
            try FloatBuffer(rows * width, for: "activations of a training step")
        }
        let (hidden, queryWidth, keyValueWidth) = (configuration.hidden, configuration.queryWidth, configuration.keyValueWidth)
        attentionInput = try buffer(hidden)
        query = try buffer(queryWidth)
        key = try buffer(keyValueWidth)
        rawQuery = configuration.headNorms ? try buffer(queryWidth) : query
        rawKey = configuration.headNorms ? try buffer(keyValueWidth) : key
        value = try buffer(keyValueWidth)
        logSumExp = try buffer(configuration.heads)
        attended = try buffer(queryWidth)
        attentionOutput = try buffer(hidden)
        middle = try buffer(hidden)
        feedForwardInput = try buffer(hidden)
        gate = try buffer(configuration.feedForward)
        up = try buffer(configuration.feedForward)
        activated = try buffer(configuration.feedForward)
        feedForwardOutput = try buffer(hidden)
        var unscaled: [FloatBuffer] = []
        for projection in Projection.allCases {
            unscaled.append(try buffer(keepsUnscaled ? projection.shape(in: configuration).outputs : 0))
        }
        self.unscaled = unscaled
    }
}

/// Gradients of activations on the way back, reused by all layers. f32, `[rows, width]` each.
final class LayerGradients {
    /// Of the residual stream.
    let residual: FloatBuffer
    /// Of a norm's output, or of what is added to the residual stream.
    let hidden: FloatBuffer
    let added: FloatBuffer
    let query: FloatBuffer
    let key: FloatBuffer
    let value: FloatBuffer
    /// Before norms of heads.
    let rawQuery: FloatBuffer
    let rawKey: FloatBuffer
    let attended: FloatBuffer
    let gate: FloatBuffer
    let up: FloatBuffer
    let activated: FloatBuffer

    init(_ configuration: DecoderConfiguration, rows: Int) throws(ResourceError) {
        func buffer(_ width: Int) throws(ResourceError) -> FloatBuffer {
            try FloatBuffer(rows * width, for: "gradients of a training step")
        }
        residual = try buffer(configuration.hidden)
        hidden = try buffer(configuration.hidden)
        added = try buffer(configuration.hidden)
        query = try buffer(configuration.queryWidth)
        key = try buffer(configuration.keyValueWidth)
        value = try buffer(configuration.keyValueWidth)
        rawQuery = configuration.headNorms ? try buffer(configuration.queryWidth) : query
        rawKey = configuration.headNorms ? try buffer(configuration.keyValueWidth) : key
        attended = try buffer(configuration.queryWidth)
        gate = try buffer(configuration.feedForward)
        up = try buffer(configuration.feedForward)
        activated = try buffer(configuration.feedForward)
    }
}
