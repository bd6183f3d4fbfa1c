import Generation
import Serving
import UV

/// Generates what would have come without the facts that answer a request, beside its answers. Loop only.
///
/// A text has no more tokens than the answer may have, so it is kept whole. When it cannot be generated, the answer is not touched.
@LoopActor
final class AnswersWithoutMemory {
    private let serving: RoutedBackend
    /// Called with a choice when its text is whole.
    private let done: @LoopActor (Int) -> Void
    private var streams: [Int: GenerationStream] = [:]
    private(set) var texts: [Int: TextWithoutMemory] = [:]

    init(on serving: RoutedBackend, done: @escaping @LoopActor (Int) -> Void) {
        (self.serving, self.done) = (serving, done)
    }

    /// - Parameter request: asks no memory; its adapter is that of `selection`.
    func start(_ choice: Int, _ selection: RoutedPrompt.Selection, _ request: GenerationRequest) {
        texts[choice] = TextWithoutMemory()
        let stream = GenerationStream { [weak self] in LoopActor.post { self?.pump(choice) } }
        streams[choice] = stream
        serving.answer([RoutedPrompt(selection, choices: [.init(request, stream: stream)])])
    }

    /// The time of the answer is over: the text ends with what it has.
    func expire(_ choice: Int) {
        guard let stream = streams[choice], !stream.expire() else { return }
        end(choice, failure: APIError(.timedOut, "The time of the answer was over before this text began."))
    }

    func cancel() {
        for stream in streams.values { stream.cancel() }
        streams = [:]
    }

    private func pump(_ choice: Int) {
        guard let stream = streams[choice] else { return }
        for event in stream.drain() {
            switch event {
            case .routed, .started, .reasoning, .toolCall, .prompt: break
            case .delta(let text, _): texts[choice]?.text += text
            case .finished: end(choice, failure: nil)
            case .failed(let error): end(choice, failure: APIError(error))
            }
        }
    }

    private func end(_ choice: Int, failure: APIError?) {
        streams[choice] = nil
        texts[choice]?.failure = failure
        texts[choice]?.isWhole = true
        done(choice)
    }
}
