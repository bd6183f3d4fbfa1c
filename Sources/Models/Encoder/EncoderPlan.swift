internal import Tensors

/// The rows of one pass of an encoder: the tokens of some texts, one text after the other, and the pass's memory.
///
/// Isolation: the encoder's lock guards it; inside a run, slices belong to threads between barriers.
final class EncoderPlan {
    let capacity: Int
    private(set) var rows = 0
    private(set) var textCount = 0
    /// Where text `i` begins, and at `[textCount]` where the last one ends: `[capacity + 1]`.
    let starts: UnsafeMutablePointer<Int>
    /// `[capacity]`
    let tokens: UnsafeMutablePointer<Int32>
    /// `[rows, hidden]`: the residual stream, and after a run the result.
    let residual: FloatBuffer
    // [rows, width] each
    let query: FloatBuffer
    let key: FloatBuffer
    let value: FloatBuffer
    let attended: FloatBuffer
    let projected: FloatBuffer
    let intermediate: FloatBuffer
    /// `[texts, 2, hidden]`: means over a text's tokens of the states that enter the first layer and the middle one.
    let layerMeans: FloatBuffer
    private let hidden: Int

    /// Room for `capacity` rows. Errors: `noMemory`.
    init(capacity: Int, configuration: EncoderConfiguration) throws(ModelError) {
        func rows(_ width: Int) throws(ModelError) -> FloatBuffer {
            do throws(ResourceError) {
                return try FloatBuffer(capacity * width, for: "the encoder's activations")
            } catch {
                throw ModelError(error)
            }
        }
        self.capacity = capacity
        residual = try rows(configuration.hidden)
        query = try rows(configuration.hidden)
        key = try rows(configuration.hidden)
        value = try rows(configuration.hidden)
        attended = try rows(configuration.hidden)
        projected = try rows(configuration.hidden)
        intermediate = try rows(configuration.feedForward)
        layerMeans = try rows(2 * configuration.hidden)
        hidden = configuration.hidden
        starts = .allocate(capacity: capacity + 1)
        starts[0] = 0
        tokens = .allocate(capacity: capacity)
    }

    deinit {
        starts.deallocate()
        tokens.deallocate()
    }

    func clear() { (rows, textCount) = (0, 0) }

    /// Adds a text that is not empty; false: it does not fit any more.
    func append(_ text: [Int32]) -> Bool {
        guard text.count <= capacity - rows else { return false }
        for (index, token) in text.enumerated() { tokens[rows + index] = token }
        rows += text.count
        textCount += 1
        starts[textCount] = rows
        return true
    }

    /// Keeps the mean of the residual stream of a text, as the first (`place` 0) or the middle (1) layer reads it.
    func keepMean(_ text: Int, _ place: Int) {
        let mean = layerMeans.pointer + (2 * text + place) * hidden
        let rows = starts[text]..<starts[text + 1]
        mean.update(repeating: 0, count: hidden)
        for row in rows { Kernels.add(residual.pointer + row * hidden, to: mean, count: hidden) }
        Kernels.multiply(mean, by: 1 / Float(rows.count), count: hidden)
    }

    /// Writes the embedding of a row, a token of text number `text`, to the residual stream.
    func embed(_ text: Int, _ row: Int, _ weights: EncoderWeights, _ configuration: EncoderConfiguration) {
        let (hidden, token, position) = (configuration.hidden, Int(tokens[row]), row - starts[text])
        let x = residual.pointer + row * hidden
        let other = projected.pointer + row * hidden
        weights.words.dequantizeRows(token..<token + 1, into: x)
        weights.positions.dequantizeRows(position..<position + 1, into: other)
        Kernels.add(weights.type.pointer, to: x, count: hidden)
        Kernels.add(other, to: x, count: hidden)
        weights.embeddingNorm.apply(x, count: hidden, epsilon: configuration.normEpsilon)
    }
}
