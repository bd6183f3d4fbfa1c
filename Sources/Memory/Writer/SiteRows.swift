internal import Models
internal import Tensors

/// The base's rows at the site for some answers that are given: what memory reads and adds to. f32, `[rows, hidden]` each.
///
/// A sequence has a row for each token of its answer: row 0 is the prompt's last token, which predicts the first.
final class SiteRows {
    /// Of all sequences, one after the other.
    let rows: Int
    /// What the feed-forward reads.
    let input: FloatBuffer
    /// The residual stream before the feed-forward's output is added.
    let residual: FloatBuffer
    /// The feed-forward's output, before its norm in families that have one.
    let output: FloatBuffer
    /// Of each sequence: its rows, and the keys and values of what comes before them in the layers above the site; for the step that
    /// serves, in blocks that are good until the desk's blocks are used again.
    var sequences: [(rows: Range<Int>, prompt: LayerPrefix, blocks: [Int32])] = []
    private let hidden: Int

    init(rows: Int, hidden: Int) throws(MemoryError) {
        (self.rows, self.hidden) = (rows, hidden)
        do throws(ResourceError) {
            input = try FloatBuffer(rows * hidden, for: "a fact's rows")
            residual = try FloatBuffer(rows * hidden, for: "a fact's rows")
            output = try FloatBuffer(rows * hidden, for: "a fact's rows")
        } catch {
            throw MemoryError(.unavailable, error.message)
        }
    }

    /// Takes rows of a trace.
    func copy(_ trace: FeedForwardTrace, from first: Int, to row: Int, count: Int) {
        for (own, traced) in [(input, trace.input), (residual, trace.residual), (output, trace.output)] {
            (own.pointer + row * hidden).update(from: traced.pointer + first * hidden, count: count * hidden)
        }
    }
}
