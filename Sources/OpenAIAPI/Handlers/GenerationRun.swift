import Generation
import HTTP
import JSON
import Serving
import UV

/// Carries the sequences of one request from the backend to the client. Loop only.
///
/// Each sequence has a mailbox that its producer fills and this empties, unless the client reads too slowly: then the
/// mailboxes fill up and the producer leaves just these sequences out of its steps. A client that leaves cancels them.
/// The head of a stream waits until it is certain who answers each prompt and the first frame is there, so that it can name the
/// adapters, and so that a request that fails before it starts has an HTTP status.
@LoopActor
final class GenerationRun {
    /// Gets the whole answer with the shape that wrote it, before the client has its end; nil: it failed, or the client left.
    typealias Ending = @LoopActor (_ answer: Answer?, _ shape: any AnswerShape) -> Void
    /// Answers instead of an error that says that the context is too short.
    typealias Overlong = @LoopActor (RouteDecision?, APIError) -> Void

    private let exchange: Exchange
    private var shape: any AnswerShape
    private var answer: Answer
    private var streams: [GenerationStream] = []
    private var hasBegun = false
    private(set) var isOver = false
    private var deadlines: AnswerDeadlines?
    /// Where the client asks what would have come without the memory.
    private var without: AnswersWithoutMemory?
    private var selections: [RoutedPrompt.Selection] = []
    /// Frames that wait for the head.
    private var held: [JSONValue] = []

    /// Called once.
    private var whenOver: Ending?
    private let whenOverlong: Overlong?

    private static let mostHeld = 256

    init(_ exchange: Exchange, shape: any AnswerShape, answer: Answer, whenOver: Ending? = nil, whenOverlong: Overlong? = nil) {
        self.whenOver = whenOver
        self.whenOverlong = whenOverlong
        self.exchange = exchange
        self.shape = shape
        self.answer = answer
    }

    /// - Parameter selections: one for each prompt.
    func start(on serving: RoutedBackend, selections: [RoutedPrompt.Selection]) {
        guard !exchange.isOver else { return tell(nil) }
        // These two hold the run until the answer ends or the client leaves; mailboxes hold it weakly.
        exchange.onClientLeft = { self.cancel() }
        exchange.responder.onDrain = { self.pumpAll() }
        exchange.failureFrames = { [weak self] error in self.flatMap { $0.shape.failure(error, of: $0.answer) } }
        for index in answer.choices.indices {
            streams.append(
                GenerationStream { [weak self] in LoopActor.post { self?.pump(index) } })
        }
        deadlines = AnswerDeadlines(
            elapsed: { [exchange] in exchange.elapsedMilliseconds }, over: { [weak self] in self?.timeIsOver($0) })
        let job = answer.job
        if job.memories.isExplained {
            self.selections = selections
            without = AnswersWithoutMemory(on: serving) { [weak self] in self?.endWithout($0) }
        }
        serving.answer(
            selections.enumerated().map { prompt, selection in
                let choices = (prompt * job.choices..<(prompt + 1) * job.choices).map {
                    RoutedPrompt.Choice(job.request($0, id: exchange.id, cachePartition: exchange.cachePartition), stream: streams[$0])
                }
                return RoutedPrompt(selection, choices: choices)
            })
    }

    private func pumpAll() {
        for index in streams.indices { pump(index) }
    }

    private func pump(_ index: Int) {
        if isOver || (hasBegun && exchange.responder.isSaturated) { return }
        // Its mailbox fills up while it is uncertain who answers other prompts.
        if !hasBegun, held.count >= Self.mostHeld, answer.choices[index].isSettled { return }
        var frames: [JSONValue] = []
        for event in streams[index].drain() {
            switch event {
            case .routed(let decision): note(decision, index)
            case .started(let start):
                answer.choices[index].start = start
                note(start, index)
                explain(start, index)
                if answer.job.isStream, !answer.job.reportsPrompt { frames += shape.opening(index, of: &answer) }
            case .delta(let text, let logprobs): frames += take(.text(text), logprobs, index)
            case .reasoning(let text, let logprobs): frames += take(.reasoning(text), logprobs, index)
            case .toolCall(let part, let logprobs): frames += take(.call(part), logprobs, index)
            case .prompt(let prompt):
                answer.note(prompt, of: index)
                if answer.job.isStream, answer.job.reportsPrompt { frames += shape.opening(index, of: &answer) }
            case .finished(let reason, let usage, let timings):
                answer.choices[index].finish = reason
                answer.choices[index].usage = usage
                answer.choices[index].timings = timings
                frames += closing(index)
            case .failed(let error):
                send(frames)
                return fail(APIError(naming(error, index)))
            }
        }
        send(frames)
        if !isOver, answer.isFinished { finish() }
    }

    /// The frames of a new part.
    private func take(_ part: AnswerPart, _ logprobs: [TokenLogprob], _ index: Int) -> [JSONValue] {
        noteFirstText()
        answer.choices[index].add(part)
        answer.choices[index].tokens += logprobs.count
        if answer.job.isStream { return shape.delta(part, logprobs, index, of: &answer) }
        answer.choices[index].logprobs += logprobs
        return []
    }

    /// The last frames of a choice's stream, once all of it is there.
    private func closing(_ index: Int) -> [JSONValue] {
        guard answer.job.isStream, answer.choices[index].isWhole else { return [] }
        return shape.closing(index, of: &answer)
    }

    // MARK: Without the memory

    /// One text for a prompt: that of its first choice.
    private func explain(_ start: GenerationStart, _ index: Int) {
        guard let without, let recall = start.recall, index.isMultiple(of: answer.job.choices) else { return }
        let job = answer.job
        let selection: RoutedPrompt.Selection
        if case .merged = selections[index / job.choices] {
            selection = selections[index / job.choices]
        } else {
            // A memory that answers as an adapter leaves the base.
            let adapter = start.adapter == recall.memory ? nil : start.adapter
            selection = .decided(.explicit(adapter, reason: "the same without the memory"))
        }
        answer.choices[index].without = TextWithoutMemory()
        without.start(index, selection, job.requestWithoutMemory(index, id: exchange.id, cachePartition: exchange.cachePartition))
    }

    private func endWithout(_ index: Int) {
        guard !isOver, let text = without?.texts[index] else { return }
        answer.choices[index].without = text
        if let cause = text.failure?.cause { exchange.record.failure = cause }
        send(closing(index))
        if !isOver, answer.isFinished { finish() }
    }

    // MARK: Events

    private func send(_ frames: [JSONValue]) {
        held += frames
        guard !held.isEmpty, hasBegun || answer.isSettled else { return }
        let isFirst = !hasBegun
        if isFirst {
            hasBegun = true
            exchange.beginEvents(headers: headers, framing: shape.framing)
        }
        exchange.writeEvents(held)
        held = []
        // What waited for the head in other mailboxes.
        if isFirst { pumpAll() }
    }

    private func note(_ decision: RouteDecision, _ index: Int) {
        answer.choices[index].decision = decision
        deadlines?.set(decision.notes.timeoutMilliseconds, of: index)
        guard index.isMultiple(of: answer.job.choices) else { return }
        exchange.record.decisions[index / answer.job.choices] = decision.withoutTexts
    }

    private func note(_ start: GenerationStart, _ index: Int) {
        guard !start.asked.isEmpty, index.isMultiple(of: answer.job.choices) else { return }
        exchange.record.memories.append(
            MemoryRecord(prompt: index / answer.job.choices, asked: start.asked, recall: start.recall, adapter: start.adapter))
    }

    /// What there is of the answers is kept, with `length` as the reason; without any text the request fails.
    private func timeIsOver(_ choices: [Int]) {
        guard !isOver else { return }
        for index in choices { without?.expire(index) }
        guard !isOver else { return }
        let late = choices.filter { answer.choices[$0].finish == nil }
        guard let first = late.first, let limit = answer.choices[first].decision?.notes.timeoutMilliseconds else { return }
        pumpAll()
        guard !isOver else { return }
        guard answer.choices.contains(where: \.hasContent) else {
            let name = answer.choices[first].decision?.adapter.map { "`\($0)`" } ?? "this model"
            return fail(APIError(.timedOut, "The answer did not begin within the \(limit) ms that \(name) has for a request."))
        }
        for index in late where !isOver && answer.choices[index].finish == nil {
            answer.choices[index].isTimedOut = true
            if !streams[index].expire() { closeUnstarted(index) }
        }
        if !isOver, answer.isFinished { finish() }
    }

    /// The client wants no more of a stream that has begun: it ends with what it has.
    func stop() {
        guard !isOver, hasBegun else { return }
        pumpAll()
        guard !isOver else { return }
        answer.isCancelled = true
        for index in answer.choices.indices {
            without?.expire(index)
            guard !isOver, answer.choices[index].finish == nil else { continue }
            if !streams[index].expire() { closeUnstarted(index) }
        }
        if !isOver, answer.isFinished { finish() }
    }

    /// A choice that the backend did not come to in time ends without text.
    private func closeUnstarted(_ index: Int) {
        answer.choices[index].finish = .length
        guard answer.job.isStream else { return }
        send(shape.opening(index, of: &answer) + closing(index))
    }

    private func finish() {
        isOver = true
        deadlines?.close()
        note()
        tell(answer)
        guard answer.job.isStream else {
            return exchange.respond(shape.whole(answer), headers: headers)
        }
        if answer.job.includesUsage, let usage = shape.usage(of: answer) { send([usage]) }
        exchange.endEvents(done: shape.endsWithDone)
    }

    /// The backend does not know where the request has its prompts, nor which of its rules leave no token.
    private func naming(_ error: GenerationError, _ index: Int) -> GenerationError {
        guard error.code == .invalidRequest, error.field == nil else { return error }
        var named = error
        let tokens = answer.job.tokens
        if answer.choices[index].start != nil {
            named.field = tokens.allowedTokens != nil ? "allowed_token_ids" : tokens.bannedWords.isEmpty ? nil : "bad_words"
        } else if case .text("", _, _) = answer.prompt(of: index).prompt {
            named.field = answer.prompt(of: index).field
        }
        return named
    }

    private func fail(_ error: APIError) {
        guard !isOver else { return }
        isOver = true
        deadlines?.close()
        note()
        tell(nil)
        for stream in streams { stream.cancel() }
        without?.cancel()
        if hasBegun { return exchange.endEvents(done: false, error: error) }
        guard error.code == .contextLengthExceeded, let whenOverlong else { return exchange.fail(error) }
        whenOverlong(answer.choices[0].decision, error)
    }

    private func cancel() {
        guard !isOver else { return }
        isOver = true
        deadlines?.close()
        tell(nil)
        for stream in streams { stream.cancel() }
        without?.cancel()
    }

    private func tell(_ answer: Answer?) {
        whenOver?(answer, shape)
        whenOver = nil
    }

    private var headers: HTTPHeaders {
        var headers = answer.routeHeaders
        if shape.errors == .lorax {
            headers["x-model-id"] = Answer.headerText(answer.baseModel)
            headers["x-adapter-id"] = headers["x-lmoe-adapter"]
        }
        return headers
    }

    private func noteFirstText() {
        if exchange.record.firstTextMilliseconds == nil {
            exchange.record.firstTextMilliseconds = exchange.elapsedMilliseconds
        }
    }

    private func note() {
        exchange.record.usage = answer.usage
        exchange.record.timings = answer.choices.first?.timings
        exchange.record.finishReasons = answer.choices.compactMap(\.finish)
    }
}
