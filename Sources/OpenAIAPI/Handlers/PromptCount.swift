import Generation
import JSON
import Serving
import UV

/// Counts the tokens of a prompt as it is rendered for who would answer it: nothing is generated. Loop only.
///
/// The prompt waits for its turn like others, since its adapter's template may have to be loaded.
@LoopActor
final class PromptCount {
    private let exchange: Exchange
    private let answer: (_ tokens: Int) -> JSONValue
    /// Counts a prompt that the context does not hold.
    private let overlong: (RouteDecision?) -> Void
    private var decision: RouteDecision?
    private var stream: GenerationStream?

    init(_ exchange: Exchange, answer: @escaping (_ tokens: Int) -> JSONValue, overlong: @escaping (RouteDecision?) -> Void) {
        (self.exchange, self.answer, self.overlong) = (exchange, answer, overlong)
    }

    func start(on serving: RoutedBackend, _ selection: RoutedPrompt.Selection, _ request: GenerationRequest) {
        guard !exchange.isOver else { return }
        // It holds the count until it ends or the client leaves.
        exchange.onClientLeft = { self.stream?.cancel() }
        let stream = GenerationStream { [weak self] in LoopActor.post { self?.pump() } }
        self.stream = stream
        serving.answer([RoutedPrompt(selection, choices: [.init(request, stream: stream)])])
    }

    private func pump() {
        guard let stream, !exchange.isOver else { return }
        for event in stream.drain() {
            switch event {
            case .routed(let decision):
                self.decision = decision
                exchange.record.decisions = [decision.withoutTexts]
            case .started(let start):
                stream.cancel()
                return exchange.respond(answer(start.promptTokens))
            case .failed(let error) where error.code == .contextLengthExceeded: return overlong(decision)
            case .failed(let error): return exchange.fail(APIError(error))
            case .delta, .reasoning, .toolCall, .prompt, .finished: break
            }
        }
    }
}
