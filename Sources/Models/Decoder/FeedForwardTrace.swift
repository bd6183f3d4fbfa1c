public import Tensors

/// What one layer's feed-forward reads and makes in one step, row by row of the batch.
///
/// `@unchecked Sendable`: a step writes it, each element by one thread. Read it after the step.
public final class FeedForwardTrace: @unchecked Sendable {
    public let layer: Int
    /// Rows of the largest step.
    public let rows: Int
    // f32, [rows, hidden] each
    /// What the feed-forward reads: the norm of the residual stream.
    public let input: FloatBuffer
    /// The residual stream before the feed-forward's output is added.
    public let residual: FloatBuffer
    /// The feed-forward's output, before its norm in families that have one. Branches are in it.
    public let output: FloatBuffer
    let hidden: Int

    /// For steps of up to `rows` rows. Errors: `noMemory`.
    public init(layer: Int, rows: Int, _ configuration: DecoderConfiguration) throws(ModelError) {
        precondition(0..<configuration.layers ~= layer, "layer \(layer) of a decoder with \(configuration.layers) layers")
        (self.layer, self.rows, hidden) = (layer, rows, configuration.hidden)
        do throws(ResourceError) {
            input = try FloatBuffer(rows * hidden, for: "a trace of a step")
            residual = try FloatBuffer(rows * hidden, for: "a trace of a step")
            output = try FloatBuffer(rows * hidden, for: "a trace of a step")
        } catch {
            throw ModelError(error)
        }
    }

    /// Where the rows of a pass are written, as plain pointers.
    struct View {
        let layer: Int
        let hidden: Int
        let input: UnsafeMutablePointer<Float>
        let residual: UnsafeMutablePointer<Float>
        let output: UnsafeMutablePointer<Float>

        /// The rows after the first `rows`.
        func advanced(by rows: Int) -> View {
            let count = rows * hidden
            return View(layer: layer, hidden: hidden, input: input + count, residual: residual + count, output: output + count)
        }

        /// Copies some elements of the first `rows` rows.
        func record(
            _ rows: Int, _ elements: Range<Int>, input x: UnsafePointer<Float>, residual stream: UnsafePointer<Float>,
            output y: UnsafePointer<Float>
        ) {
            for row in 0..<rows {
                let start = row * hidden + elements.lowerBound
                (input + start).update(from: x + start, count: elements.count)
                (residual + start).update(from: stream + start, count: elements.count)
                (output + start).update(from: y + start, count: elements.count)
            }
        }
    }

    var view: View {
        View(layer: layer, hidden: hidden, input: input.pointer, residual: residual.pointer, output: output.pointer)
    }
}
