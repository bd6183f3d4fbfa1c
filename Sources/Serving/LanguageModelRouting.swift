internal import Dispatch
public import Generation
public import Routing
internal import Synchronization

/// Asks the base model which adapter should answer: all rotations of the question at the same time, one token each. Any thread; no
/// thread waits for the answer.
public struct LanguageModelRouting: Sendable {
    let backend: any GenerationBackend
    /// After this time the router's decision stands without a judgement.
    let milliseconds: Int
    private let questions = QuestionCounter()

    public init(backend: any GenerationBackend, milliseconds: Int) {
        self.backend = backend
        self.milliseconds = milliseconds
    }

    /// When the task is cancelled, the model is not asked further, and the judgement has failed.
    ///
    /// - Parameter cachePartition: of the requests that ask the model, as for the answer itself.
    public func judge(_ question: LanguageModelQuestion, cachePartition: String? = nil) async -> RouteNotes.Judgement {
        let start = ContinuousClock.now
        var judgement = RouteNotes.Judgement()
        do throws(GenerationError) {
            let logprobs = try await logprobs(question, cachePartition)
            let isSilent = logprobs.allSatisfy { Set($0).count == 1 }
            if !isSilent, let (option, probability) = question.choice(logprobs) {
                judgement.choice = option < question.options.count ? question.options[option].name : nil
                judgement.probability = probability
            } else {
                judgement.failure = "it named no option"
            }
        } catch {
            judgement.failure = "the language model did not judge; the server's log says why under the request's id"
            judgement.cause = error.description
        }
        judgement.milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
        return judgement
    }

    private func logprobs(_ question: LanguageModelQuestion, _ cachePartition: String?) async throws(GenerationError) -> [[Double]] {
        let number = questions.next()
        let asked = AskedLetters(count: question.count)
        for rotation in 0..<question.count {
            var request = GenerationRequest(
                id: "route-\(number)-\(rotation)", prompt: .text(question.prompt(rotation: rotation), addSpecialTokens: true, parseSpecial: false),
                sampling: .greedy, maxTokens: 1, topLogprobs: 20, ignoreEndOfSequence: true)
            request.cachePartition = cachePartition
            backend.submit(request, to: asked.stream(rotation))
        }
        let late = GenerationError(.overloaded, "the language model did not answer within \(milliseconds) ms")
        DispatchQueue.global(qos: .userInitiated).asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { asked.end(.failure(late)) }
        let result = await withTaskCancellationHandler {
            await asked.result()
        } onCancel: {
            asked.end(.failure(GenerationError(.cancelled, "the client left")))
        }
        return try result.get()
    }
}

/// Numbers the questions, so that logs tell their requests apart.
private final class QuestionCounter: Sendable {
    private let count = Atomic(0)
    func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}

/// The answers to all rotations, as they come. Any thread.
private final class AskedLetters: Sendable {
    private struct State {
        var streams: [GenerationStream?]
        var answers: [[Double]?]
        var result: Result<[[Double]], GenerationError>?
        var waiting: CheckedContinuation<Result<[[Double]], GenerationError>, Never>?
    }

    private let count: Int
    private let state: Mutex<State>

    init(count: Int) {
        self.count = count
        state = Mutex(State(streams: .init(repeating: nil, count: count), answers: .init(repeating: nil, count: count)))
    }

    func stream(_ rotation: Int) -> GenerationStream {
        let stream = GenerationStream { [weak self] in self?.pump(rotation) }
        let isOver = state.withLock { state in
            if state.result == nil { state.streams[rotation] = stream }
            return state.result != nil
        }
        if isOver { stream.cancel() }
        return stream
    }

    func result() async -> Result<[[Double]], GenerationError> {
        await withCheckedContinuation { continuation in
            let result = state.withLock { state in
                if state.result == nil { state.waiting = continuation }
                return state.result
            }
            if let result { continuation.resume(returning: result) }
        }
    }

    /// The first result counts; the other questions are cancelled.
    func end(_ result: Result<[[Double]], GenerationError>) {
        let (waiting, streams) = state.withLock { state in
            guard state.result == nil else { return (nil, []) as (CheckedContinuation<Result<[[Double]], GenerationError>, Never>?, [GenerationStream]) }
            state.result = result
            defer {
                state.waiting = nil
                state.streams = .init(repeating: nil, count: count)
            }
            return (state.waiting, state.streams.compactMap { $0 })
        }
        for stream in streams { stream.cancel() }
        waiting?.resume(returning: result)
    }

    private func pump(_ rotation: Int) {
        guard let stream = state.withLock({ $0.streams[rotation] }) else { return }
        for event in stream.drain() {
            switch event {
            case .delta(_, let logprobs):
                if let first = logprobs.first { note(letters(first), rotation) }
            case .failed(let error): end(.failure(error))
            case .finished: if state.withLock({ $0.answers[rotation] == nil }) { end(.failure(Self.silent)) }
            case .started, .routed, .reasoning, .toolCall, .prompt: break
            }
        }
    }

    private func note(_ letters: [Double], _ rotation: Int) {
        let answers = state.withLock { state in
            if state.answers[rotation] == nil { state.answers[rotation] = letters }
            return state.answers.compactMap { $0 }
        }
        if answers.count == count { end(.success(answers)) }
    }

    /// The highest log-probability of each letter among the most probable tokens; spaces, colons and full stops around it do not count.
    private func letters(_ token: TokenLogprob) -> [Double] {
        var letters = [Double](repeating: Self.least, count: count)
        for alternative in token.top {
            let bytes = alternative.bytes.filter { $0 > 0x20 && $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: ".") }
            guard bytes.count == 1, let place = LanguageModelQuestion.letters.firstIndex(where: { Array($0.utf8) == bytes }), place < count
            else { continue }
            letters[place] = max(letters[place], Double(alternative.logprob))
        }
        return letters
    }

    private static let silent = GenerationError(.internalFailure, "it wrote no token")

    /// The log-probability of a letter that is not among them.
    private static let least = -12.0
}
