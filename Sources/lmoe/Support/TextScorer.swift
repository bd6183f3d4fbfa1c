import Foundation
import Inference
import Models
import Tensors

/// What one decoder says about a text, window by window: each window starts a sequence of its own.
///
/// One thread; the base's pool does the work. Memory: logits of `chunk` rows.
struct TextScorer {
    /// Rows of a step.
    static let chunk = 256

    private let workspace: StepWorkspace
    private let delta: AdapterDelta?
    private let cache: KeyValueCache
    private let blocks: [Int32]
    private let logits: FloatBuffer
    private let vocabulary: Int
    private let stride: Int

    /// - Parameter window: tokens of the longest window
    init(_ base: BaseModel, delta: AdapterDelta?, window: Int) throws(ModelError) {
        let decoder = base.decoder
        workspace = try base.makeWorkspace(maximumRows: Self.chunk)
        self.delta = delta
        let count = (window + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens
        cache = try decoder.makeCache(blocks: count)
        blocks = (0..<Int32(count)).map { $0 }
        vocabulary = decoder.configuration.vocabulary
        stride = decoder.logitsStride
        logits = FloatBuffer(count: min(window, Self.chunk) * stride)
    }

    /// Computes rows `range` of a window, at most `chunk` of them; the rows before it were computed.
    func advance(_ window: [Int32], _ range: Range<Int>) {
        let runs = StepBatch.runs(
            0..<range.count, at: range.lowerBound, blocks: blocks, delta: delta, from: delta?.start(in: window), logits: .all,
            isShort: workspace.weights.configuration.rope.isShort(window.count))
        let batch = StepBatch(tokens: Array(window[range]), runs: runs)
        workspace.step(batch, cache: cache, logits: logits.pointer, stride: stride)
    }

    /// Row `row` of the last `advance`, of the base's tokens: an adapter's own are not compared.
    func row(_ row: Int) -> Row { Row(logits: logits.pointer + row * stride, count: vocabulary) }

    /// One position's logits.
    struct Row {
        let logits: UnsafePointer<Float>
        let count: Int

        /// All are finite and some is not 0. All are 0 where the sum of squares in a norm was infinite.
        var isUsable: Bool {
            let logits = UnsafeBufferPointer(start: logits, count: count)
            return logits.allSatisfy(\.isFinite) && logits.contains { $0 != 0 }
        }

        var best: Int { Kernels.maximumIndex(logits, count: count) }

        /// Writes the probabilities; returns `log sum exp` of the logits.
        func normalize(into probabilities: UnsafeMutablePointer<Float>) -> Double {
            probabilities.update(from: logits, count: count)
            Kernels.softmax(probabilities, count: count)
            let best = best
            return Double(logits[best]) - log(Double(probabilities[best]))
        }
    }
}

/// Perplexity of a text, and where two paths were run, how far they are apart.
struct TextScore {
    private(set) var predicted = 0
    private var loss = 0.0
    private var referenceLoss = 0.0
    private var divergence = 0.0
    private var agreements = 0
    private let hasReference: Bool

    /// - Parameters:
    ///   - windows: tokens; the first of each is given, the others are predicted
    ///   - reference: nil measures one path alone
    init(_ windows: [[Int32]], _ scorer: TextScorer, reference: TextScorer?, vocabulary: Int, progress: (Int) -> Void) {
        hasReference = reference != nil
        let probabilities = FloatBuffer(count: vocabulary)
        for (number, window) in windows.enumerated() {
            progress(number)
            // The last token predicts nothing.
            for start in stride(from: 0, to: window.count - 1, by: TextScorer.chunk) {
                let range = start..<min(start + TextScorer.chunk, window.count - 1)
                scorer.advance(window, range)
                reference?.advance(window, range)
                for position in range {
                    add(
                        scorer.row(position - start), reference?.row(position - start), next: Int(window[position + 1]),
                        probabilities.pointer)
                }
            }
        }
    }

    private mutating func add(
        _ row: TextScorer.Row, _ reference: TextScorer.Row?, next: Int, _ probabilities: UnsafeMutablePointer<Float>
    ) {
        predicted += 1
        let total = row.normalize(into: probabilities)
        loss += total - Double(row.logits[next])
        guard let reference else { return }
        let referenceTotal = reference.normalize(into: probabilities)
        referenceLoss += referenceTotal - Double(reference.logits[next])
        // sum p (log p - log q) for p of the reference
        let own = Double(Kernels.dot(probabilities, reference.logits, count: row.count)) - referenceTotal
        divergence += own - (Double(Kernels.dot(probabilities, row.logits, count: row.count)) - total)
        agreements += row.best == reference.best ? 1 : 0
    }

    private var count: Double { Double(max(predicted, 1)) }
    var perplexity: Double { exp(loss / count) }
    var comparison: Comparison? {
        guard hasReference else { return nil }
        let reference = exp(referenceLoss / count)
        return Comparison(
            perplexity: reference, ratio: perplexity / reference, divergence: divergence / count,
            agreement: Double(agreements) / count)
    }

    /// Against the f32 reference path.
    struct Comparison {
        /// Of the reference.
        let perplexity: Double
        /// Of the measured path's perplexity to the reference's.
        let ratio: Double
        /// Mean `KL(reference || measured)` in nats.
        let divergence: Double
        /// Share of positions with the same most probable token.
        let agreement: Double
    }
}
