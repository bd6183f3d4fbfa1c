import Foundation
import Inference
import Models
import Tensors

/// What an adapter does to the next-token distributions of one prompt.
struct LogitChange {
    struct Token {
        let text: String
        let probability: Double
    }

    let prompt: String
    /// Positions of the prompt.
    let tokens: Int
    /// Mean over the positions of `KL(adapter || base)`, in nats.
    let divergence: Double
    /// Share of positions with the same most probable token.
    let agreement: Double
    /// Positions at which the adapter makes a logit that is no finite number, or all logits 0: nothing can be drawn there, and the figures are 0.
    let brokenPositions: Int
    var isFinite: Bool { brokenPositions == 0 }
    /// The most probable tokens after the prompt.
    let base: Token
    let adapted: Token

    static let usualPrompt = "Name three things that make a good answer, and say in one sentence each why."

    /// - Parameters:
    ///   - delta: of a form that the base's path reads
    ///   - text: goes through the base's chat template, where it has one
    init(_ delta: AdapterDelta, on text: String, base: BaseModel) throws {
        let prompt = PromptTokens(base: base, adapter: nil)
        var ids = try prompt.tokens(base.template == nil ? .raw(text) : .chat([.init(role: "user", content: text)]))
        // An activated LoRA would change nothing without them.
        if delta.start(in: ids) == nil { ids += delta.invocation }
        guard ids.count <= TextScorer.chunk else {
            throw Failure.usage("the prompt has \(ids.count) tokens; at most \(TextScorer.chunk) are compared")
        }
        let plain = try TextScorer(base, delta: nil, window: ids.count)
        let changed = try TextScorer(base, delta: delta, window: ids.count)
        plain.advance(ids, 0..<ids.count)
        changed.advance(ids, 0..<ids.count)
        let vocabulary = base.decoder.configuration.vocabulary
        brokenPositions = (0..<ids.count).count { !changed.row($0).isUsable }
        let (before, after) = (FloatBuffer(count: vocabulary), FloatBuffer(count: vocabulary))
        var (divergence, agreements) = (0.0, 0)
        for position in 0..<ids.count {
            let (one, other) = (plain.row(position), changed.row(position))
            guard other.isUsable else { continue }
            let (oneTotal, otherTotal) = (one.normalize(into: before.pointer), other.normalize(into: after.pointer))
            // sum p (log p - log q) for p of the adapter
            divergence +=
                Double(Kernels.dot(after.pointer, other.logits, count: vocabulary)) - otherTotal
                - (Double(Kernels.dot(after.pointer, one.logits, count: vocabulary)) - oneTotal)
            agreements += one.best == other.best ? 1 : 0
        }
        self.prompt = text
        tokens = ids.count
        self.divergence = max(0, divergence / Double(ids.count))
        agreement = Double(agreements) / Double(ids.count)
        // The buffers hold the last position.
        func best(_ row: TextScorer.Row, _ probabilities: FloatBuffer) -> Token {
            let id = row.best
            let text = base.tokenizer.decode([Int32(id)], skipSpecialTokens: false)
            return Token(text: text, probability: row.isUsable ? Double(probabilities.pointer[id]) : 0)
        }
        self.base = best(plain.row(ids.count - 1), before)
        adapted = best(changed.row(ids.count - 1), after)
    }
}
