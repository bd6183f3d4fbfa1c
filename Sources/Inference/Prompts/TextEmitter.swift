import Generation
import Tokenizers

/// Turns tokens into the text that a client sees: whole characters, no part of a stop string, no special tokens but those that an answer
/// is read by.
struct TextEmitter: Sendable {
    private let tokenizer: any Tokenizer
    private var detokenizer: StreamingDetokenizer
    private var matcher: StopMatcher
    /// Log-probabilities of tokens whose text is still held back.
    private var waiting: [TokenLogprob] = []
    private let hasLogprobs: Bool
    private let reportsEndToken: Bool
    /// The text of these goes in where they end the answer.
    private let shownEnds: Set<Int32>
    /// No stop string begins in the first of them.
    private var unmatchedTokens: Int
    /// The text of the token that ended the answer.
    private var ending = ""

    init(_ tokenizer: any Tokenizer, _ request: GenerationRequest, visible: Set<Int32> = []) {
        self.tokenizer = tokenizer
        detokenizer = StreamingDetokenizer(
            tokenizer, skipSpecialTokens: request.skipsSpecialTokens, visible: visible, continuesText: request.continuesText)
        matcher = StopMatcher(request.stop, includesMatch: request.includesStop)
        hasLogprobs = request.topLogprobs != nil
        reportsEndToken = request.reportsEndToken
        shownEnds = request.includesStop ? request.stopTokens : []
        unmatchedTokens = request.minTokens
    }

    var isStopped: Bool { matcher.isStopped }
    /// The stop string that ended the text.
    var stopString: String? { matcher.found }

    /// The event of one more token; nil while there is nothing to show.
    mutating func append(_ choice: SampledToken) -> GenerationEvent? {
        if hasLogprobs { waiting.append(logprob(choice)) }
        return event(matched(detokenizer.append(choice.token)))
    }

    /// The token that ends the answer; what it adds comes with `finish`.
    mutating func end(with choice: SampledToken) {
        let isShown = shownEnds.contains(choice.token)
        if hasLogprobs, reportsEndToken || isShown { waiting.append(logprob(choice)) }
        if isShown { ending = matched(detokenizer.append(choice.token)) }
    }

    /// The held-back text, at the end of the answer.
    mutating func finish() -> GenerationEvent? {
        guard !isStopped else { return event(ending) }
        let text = ending + matcher.append(detokenizer.finish())
        return event(isStopped ? text : text + matcher.finish())
    }

    private mutating func matched(_ text: String) -> String {
        guard unmatchedTokens > 0 else { return matcher.append(text) }
        unmatchedTokens -= 1
        return text
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

extension GenerationRequest {
    /// The answer goes on a text: a prompt that is no conversation, or a message that is not finished. The space at the beginning of an
    /// answer that has a form is a part of that form.
    fileprivate var continuesText: Bool {
        guard case .chat = prompt else { return true }
        return format != nil || rendering.continuesFinalMessage
    }
}
