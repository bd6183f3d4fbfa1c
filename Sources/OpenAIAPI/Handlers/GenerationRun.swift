import Generation
import HTTP
import JSON
import UV

/// Carries the sequences of one request from the backend to the client. Loop only.
///
/// Each sequence has a mailbox that its producer fills and this empties, unless the client reads too slowly: then the
/// mailboxes fill up and the producer leaves just these sequences out of its steps. A client that leaves cancels them.
/// The head of a stream waits for the first event, so that a request that fails before it starts has an HTTP status.
@LoopActor
final class GenerationRun {
    private let exchange: Exchange
    private let shape: any AnswerShape
    private var answer: Answer
    private var streams: [GenerationStream] = []
    private var hasBegun = false
    private var isOver = false
    private var deadlines: AnswerDeadlines?
    /// Answers some other way when an adapter that the router chose has left since, or its weights turn out to be unusable
    /// as they are loaded; nil fails then.
    private let adapterGone: (@LoopActor () -> Void)?

    init(_ exchange: Exchange, shape: any AnswerShape, answer: Answer, adapterGone: (@LoopActor () -> Void)?) {
        self.adapterGone = adapterGone
        self.exchange = exchange
        self.shape = shape
        self.answer = answer
    }

    func start(on backend: any GenerationBackend) {
        guard !exchange.isOver else { return }
        // These two hold the run until the answer's end or the client's; mailboxes hold it weakly.
        exchange.onClientLeft = { self.cancel() }
        exchange.responder.onDrain = { self.pumpAll() }
        for index in answer.choices.indices {
            streams.append(
                GenerationStream { [weak self] in LoopActor.post { self?.pump(index) } })
        }
        let deadlines = AnswerDeadlines(
            answer.choices.indices.map { answer.route(of: $0).timeoutMilliseconds }, elapsed: { [exchange] in exchange.elapsedMilliseconds },
            over: { [weak self] in self?.timeIsOver($0) })
        self.deadlines = deadlines
        deadlines.start()
        for index in answer.choices.indices {
            let adapter = answer.route(of: index).adapter
            backend.submit(answer.job.request(index, id: exchange.id, adapter: adapter), to: streams[index])
        }
    }

    private func pumpAll() {
        for index in streams.indices { pump(index) }
    }

    private func pump(_ index: Int) {
        if isOver || (hasBegun && exchange.responder.isSaturated) { return }
        var frames: [JSONValue] = []
        for event in streams[index].drain() {
            switch event {
            case .started(let start):
                answer.choices[index].start = start
                if answer.job.isStream { frames += shape.opening(index, of: answer) }
            case .delta(let text, let logprobs):
                noteFirstText()
                answer.choices[index].text += text
                if answer.job.isStream {
                    frames += shape.delta(text, logprobs, index, of: &answer)
                } else {
                    answer.choices[index].logprobs += logprobs
                }
            case .finished(let reason, let usage, let timings):
                answer.choices[index].finish = reason
                answer.choices[index].usage = usage
                answer.choices[index].timings = timings
                if answer.job.isStream { frames += shape.closing(index, of: answer) }
            case .failed(let error):
                if error.code == .adapterNotFound || error.code == .adapterRejected, !hasBegun, let adapterGone {
                    return giveUp(to: adapterGone)
                }
                send(frames)
                return fail(APIError(error))
            }
        }
        send(frames)
        if answer.isFinished { finish() }
    }

    private func send(_ frames: [JSONValue]) {
        guard !frames.isEmpty else { return }
        if !hasBegun {
            hasBegun = true
            exchange.beginEvents(headers: headers)
        }
        exchange.writeEvents(frames)
    }

    /// What there is of the answers is kept, with `length` as the reason; without any text the request fails.
    private func timeIsOver(_ choices: [Int]) {
        guard !isOver else { return }
        let late = choices.filter { answer.choices[$0].finish == nil }
        guard let first = late.first, let limit = answer.route(of: first).timeoutMilliseconds else { return }
        pumpAll()
        guard !isOver else { return }
        guard answer.choices.contains(where: { !$0.text.isEmpty }) else {
            let name = answer.route(of: first).adapter.map { "`\($0)`" } ?? "this model"
            return fail(APIError(.timedOut, "The answer did not begin within the \(limit) ms that \(name) has for a request."))
        }
        for index in late where answer.choices[index].finish == nil {
            answer.choices[index].isTimedOut = true
            streams[index].expire()
        }
    }

    private func finish() {
        isOver = true
        deadlines?.close()
        note()
        guard answer.job.isStream else {
            return exchange.respond(shape.whole(answer), headers: headers)
        }
        if answer.job.includesUsage, let usage = shape.usage(of: answer) { send([usage]) }
        exchange.endEvents(done: shape.endsWithDone)
    }

    private func fail(_ error: APIError) {
        isOver = true
        deadlines?.close()
        note()
        for stream in streams { stream.cancel() }
        if hasBegun { exchange.endEvents(done: false, error: error) } else { exchange.fail(error) }
    }

    private func giveUp(to other: @LoopActor () -> Void) {
        cancel()
        exchange.onClientLeft = nil
        other()
    }

    private func cancel() {
        guard !isOver else { return }
        isOver = true
        deadlines?.close()
        for stream in streams { stream.cancel() }
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
