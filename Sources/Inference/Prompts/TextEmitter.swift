import Generation
import Tokenizers

/// Turns tokens into the text that a client sees: whole characters, no part of a stop string, no special tokens.
struct TextEmitter: Sendable {
    private let tokenizer: any Tokenizer
    private var detokenizer: StreamingDetokenizer
    private var matcher: StopMatcher
    /// Log-probabilities of tokens whose text is still held back.
    private var waiting: [TokenLogprob] = []

    init(_ tokenizer: any Tokenizer, stop: [String]) {
        self.tokenizer = tokenizer
        detokenizer = StreamingDetokenizer(tokenizer)
        matcher = StopMatcher(stop)
    }

    var isStopped: Bool { matcher.isStopped }

    /// The event of one more token; nil while there is nothing to show.
    mutating func append(_ choice: SampledToken, withLogprobs: Bool) -> GenerationEvent? {
        if withLogprobs { waiting.append(logprob(choice)) }
        return event(matcher.append(detokenizer.append(choice.token)))
    }

    /// The held-back text, at the end of the answer.
    mutating func finish() -> GenerationEvent? {
        guard !isStopped else { return event("") }
        let text = matcher.append(detokenizer.finish())
        return event(isStopped ? text : text + matcher.finish())
    }

    private mutating func event(_ text: String) -> GenerationEvent? {
        guard !text.isEmpty || !waiting.isEmpty else { return nil }
        defer { waiting = [] }
        return .delta(text: text, logprobs: waiting)
    }

    private func logprob(_ choice: SampledToken) -> TokenLogprob {
        func alternative(_ token: Int32, _ logprob: Float) -> TokenLogprob.Alternative {
            .init(token: token, bytes: tokenizer.bytes(of: token), logprob: logprob)
        }
        return TokenLogprob(
            chosen: alternative(choice.token, choice.logprob),
            top: choice.alternatives.map { alternative($0.token, $0.logprob) })
    }
}
