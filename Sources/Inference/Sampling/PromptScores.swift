import Generation
import Tensors
import Tokenizers

/// Log-probabilities of a prompt's tokens, filled as the prompt is computed: the row of a token scores the token after it.
///
/// Isolation: the engine's thread, except `score`, which several threads call at the same time for different rows.
final class PromptScores {
    private struct Score {
        var logprob: Float
        /// 1: no token is more probable.
        var rank: Int32
    }

    /// Alternatives of each token.
    let alternatives: Int
    /// Tokens of the prompt.
    let count: Int
    /// Rows that are scored, from the first one on.
    var rows = 0
    /// `[count]`, at the place of the token that is scored; the first has none.
    private let scores: UnsafeMutablePointer<Score>
    /// `[count, alternatives]`
    private let places: UnsafeMutablePointer<Int32>
    private let logprobs: UnsafeMutablePointer<Float>
    /// `[count]`
    private let kept: UnsafeMutablePointer<Int32>

    init(count: Int, alternatives: Int) {
        (self.count, self.alternatives) = (count, alternatives)
        scores = .allocate(capacity: count)
        scores.initialize(repeating: Score(logprob: 0, rank: 0), count: count)
        places = .allocate(capacity: max(count * alternatives, 1))
        logprobs = .allocate(capacity: max(count * alternatives, 1))
        kept = .allocate(capacity: count)
        kept.initialize(repeating: 0, count: count)
    }

    deinit {
        scores.deallocate()
        places.deallocate()
        logprobs.deallocate()
        kept.deallocate()
    }

    /// The row of logits after which the token at `index` of the prompt comes. Cost: some passes over the vocabulary.
    func score(_ index: Int, token: Int32, _ logits: UnsafeMutableBufferPointer<Float>) {
        guard let row = logits.baseAddress else { return }
        let probabilities = LogProbabilities(logits, maximum: logits[Kernels.maximumIndex(row, count: logits.count)])
        scores[index] = Score(logprob: probabilities[token], rank: Int32(probabilities.rank(of: token)))
        let start = index * alternatives
        kept[index] = Int32(probabilities.largest(alternatives, into: places + start))
        for place in start..<start + Int(kept[index]) { logprobs[place] = probabilities[places[place]] }
    }

    /// Some row's logits were no numbers.
    var isDamaged: Bool { (0..<count).contains { scores[$0].logprob.isNaN } }

    /// - Parameter prompt: the prompt's tokens.
    func logprobs(_ prompt: [Int32], _ tokenizer: any Tokenizer) -> [TokenLogprob?] {
        prompt.indices.map { index in
            guard index > 0 else { return nil }
            func alternative(_ token: Int32, _ logprob: Float) -> TokenLogprob.Alternative {
                .init(token: token, bytes: tokenizer.bytes(of: token), logprob: logprob)
            }
            let start = index * alternatives
            return TokenLogprob(
                chosen: alternative(prompt[index], scores[index].logprob),
                top: (start..<start + Int(kept[index])).map { alternative(places[$0], logprobs[$0]) }, rank: Int(scores[index].rank))
        }
    }
}
