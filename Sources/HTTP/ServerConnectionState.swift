/// The state of one server connection: a plain value that takes what happened and returns what to do, apart from I/O.
///
/// Requests are answered in order and one at a time. Bytes of further requests wait, up to a bound, until the answer is out.
/// Every method may be called in every phase; where it does not apply, it returns no actions.
struct ServerConnectionState {
    enum Action {
        case send([UInt8])
        /// A header has come and a body follows: call `admit` or `refuse`.
        case check(HTTPRequest)
        case handle(HTTPRequest)
        /// The present answer is complete: call `proceed` once the client has taken most of it.
        case answered
        /// The client left: tell the responder.
        case clientLeft
        case pauseReading
        case resumeReading
        /// Send what is queued and the end of the stream; go on reading, which is dropped, until the client ends.
        case linger
        /// Close once everything is sent.
        case closeWhenSent
        /// Close now.
        case close
        case reset
    }

    /// What the I/O layer passes with each call.
    struct Moment {
        /// Of a clock that never goes back: see `PatienceClock`.
        var milliseconds: UInt64
        /// For the `Date` field.
        var date: String
        /// Bytes that the bodies of all connections may still take.
        var bodyRoom = Int.max
    }

    /// The content of an answer to a request that was refused here.
    typealias ErrorAnswer = @Sendable (HTTPError) -> (headers: HTTPHeaders, body: [UInt8])

    enum Phase: Equatable {
        case receiving
        /// The I/O layer decides whether the request's body may come.
        case checking(expectsContinue: Bool)
        /// A handler has the request.
        case handling(Exchange)
        /// The answer is complete and the client is taking it.
        case answered
        case lingering
        case closed
    }

    /// What the form of the answer depends on.
    struct Exchange: Equatable {
        var isHead: Bool
        var version: HTTPRequest.Version
        var keepAlive: Bool
        /// Set with the head of a stream.
        var framing: ResponseEncoder.Framing?
    }

    let limits: HTTPLimits
    /// Whether the I/O layer decides about headers; otherwise every body may come.
    private let checksHeads: Bool
    private let errorAnswer: ErrorAnswer
    private(set) var phase = Phase.receiving
    private var parser: RequestParser
    /// Bytes of requests after the present one.
    private var pending: [UInt8] = []
    private var isPaused = false
    private var peerEnded = false
    private var isDraining = false
    /// When the present phase has lasted too long.
    private var deadline: UInt64
    private var progress = RequestParser.Progress.idle
    /// When bytes last came.
    private var lastReceived: UInt64
    /// Of the request that is being received or answered.
    private(set) var bodyBytes = 0
    /// When bytes last left, and how many had left by then.
    private var lastSent: (total: Int, at: UInt64)

    init(limits: HTTPLimits, now: Moment, checksHeads: Bool = false, errorAnswer: @escaping ErrorAnswer) {
        self.limits = limits
        self.checksHeads = checksHeads
        self.errorAnswer = errorAnswer
        parser = RequestParser(limits: limits)
        // A client that has sent nothing yet gets less time than one between two requests.
        deadline = now.milliseconds + UInt64(min(limits.headerTimeoutMilliseconds, limits.idleTimeoutMilliseconds))
        lastSent = (0, now.milliseconds)
        lastReceived = now.milliseconds
    }

    /// No byte of a request has come and no answer is due.
    var isIdle: Bool { phase == .receiving && parser.progress == .idle && pending.isEmpty }

    // MARK: Input

    mutating func receive(_ bytes: UnsafeRawBufferPointer, now: Moment) -> [Action] {
        lastReceived = now.milliseconds
        switch phase {
        case .receiving:
            return parse(bytes, now: now)
        case .checking, .handling, .answered:
            pending.append(contentsOf: bytes)
            guard pending.count > limits.pipelinedBytes, !isPaused else { return [] }
            isPaused = true
            return [.pauseReading]
        case .lingering, .closed:
            return []
        }
    }

    private mutating func parse(_ bytes: UnsafeRawBufferPointer, now: Moment) -> [Action] {
        var actions: [Action] = []
        var offset = 0
        let countedBytes = bodyBytes
        do throws(HTTPError) {
            while offset < bytes.count {
                let event = try parser.next(bytes, offset: &offset)
                if case .request(let request)? = event { bodyBytes = request.body.count } else { bodyBytes = parser.bodyBytes }
                try checkRoom(beyond: countedBytes, now)
                switch event {
                case nil: break
                case .head(let request, let length, let expectsContinue):
                    if checksHeads, length.map({ $0 > limits.uncheckedBodyBytes }) ?? true {
                        pending.append(contentsOf: bytes[offset...])
                        phase = .checking(expectsContinue: expectsContinue)
                        return actions + [.check(request)]
                    }
                    // A client that already sends its body has not waited.
                    if expectsContinue, offset == bytes.count { actions.append(.send(ResponseEncoder.continueHead)) }
                case .request(let request):
                    pending.append(contentsOf: bytes[offset...])
                    phase = .handling(Exchange(
                        isHead: request.method == "HEAD", version: request.version, keepAlive: request.allowsKeepAlive))
                    return actions + [.handle(request)]
                }
            }
        } catch {
            return actions + refuse(error, now: now)
        }
        updateDeadline(now)
        return actions
    }

    /// - Parameter counted: bytes of this body that `bodyRoom` is already without.
    private func checkRoom(beyond counted: Int, _ now: Moment) throws(HTTPError) {
        guard bodyBytes > limits.freeBodyBytes, bodyBytes - counted > now.bodyRoom else { return }
        throw HTTPError(.bodiesFull, "the bodies of the requests in progress take all the memory that they may take; try again")
    }

    /// After `check`: the body may come.
    mutating func admit(now: Moment) -> [Action] {
        guard case .checking(let expectsContinue) = phase else { return [] }
        phase = .receiving
        let bytes = pending
        pending = []
        let start: [Action] = expectsContinue && bytes.isEmpty ? [.send(ResponseEncoder.continueHead)] : []
        return start + bytes.withUnsafeBytes { parse($0, now: now) }
    }

    /// After `check`: the answer instead of the body, and the end of the connection.
    mutating func refuse(_ answer: HTTPAnswer, now: Moment) -> [Action] {
        guard case .checking = phase else { return [] }
        return end(with: answer, now: now)
    }

    private mutating func updateDeadline(_ now: Moment) {
        guard parser.progress != progress else { return }
        progress = parser.progress
        let milliseconds = switch progress {
        case .idle: limits.idleTimeoutMilliseconds
        case .head: limits.headerTimeoutMilliseconds
        case .body: limits.bodyTimeoutMilliseconds
        }
        deadline = now.milliseconds + UInt64(milliseconds)
    }

    /// The client sends no more. If an answer is due, that means that the client has left.
    mutating func receiveEnd() -> [Action] {
        peerEnded = true
        switch phase {
        case .receiving, .lingering: return leave(.closeWhenSent)
        case .answered: return []
        case .checking, .handling: return leave(.close)
        case .closed: return []
        }
    }

    /// The connection broke.
    mutating func fail() -> [Action] { leave(.close) }

    private mutating func leave(_ last: Action) -> [Action] {
        let wasHandling = if case .handling = phase { true } else { false }
        guard phase != .closed else { return [] }
        phase = .closed
        drop()
        return wasHandling ? [.clientLeft, last] : [last]
    }

    /// Answers a request that cannot be read to its end, and ends the connection: where the next one begins is unknown.
    mutating func refuse(_ error: HTTPError, now: Moment) -> [Action] {
        guard phase == .receiving else { return [] }
        let answer = errorAnswer(error)
        return end(with: HTTPAnswer(status: error.status, headers: answer.headers, body: answer.body), now: now)
    }

    private mutating func end(with answer: HTTPAnswer, now: Moment) -> [Action] {
        let head = ResponseEncoder.head(
            status: answer.status, headers: answer.headers, framing: .length(answer.body.count), version: .http11,
            keepAlive: false, date: now.date)
        return [.send(head + answer.body)] + startLingering(now)
    }

    /// Drops what has come of requests.
    private mutating func drop() {
        pending = []
        bodyBytes = 0
        parser = RequestParser(limits: limits)
    }

    private mutating func startLingering(_ now: Moment) -> [Action] {
        drop()
        guard !peerEnded else {
            phase = .closed
            return [.closeWhenSent]
        }
        phase = .lingering
        deadline = now.milliseconds + UInt64(limits.lingerMilliseconds)
        defer { isPaused = false }
        return isPaused ? [.linger, .resumeReading] : [.linger]
    }

    // MARK: Output

    mutating func respond(status: Int, headers: HTTPHeaders, body: [UInt8], now: Moment) -> [Action] {
        guard case .handling(var exchange) = phase, exchange.framing == nil else { return [] }
        exchange.framing = HTTPStatus.isBodiless(status) ? ResponseEncoder.Framing.none : .length(body.count)
        let head = encodeHead(status: status, headers: headers, exchange: &exchange, now: now)
        let hasBody = !exchange.isHead && exchange.framing != ResponseEncoder.Framing.none
        phase = .handling(exchange)
        return [.send(hasBody ? head + body : head)] + finish(exchange)
    }

    mutating func beginStream(status: Int, headers: HTTPHeaders, now: Moment) -> [Action] {
        guard case .handling(var exchange) = phase, exchange.framing == nil else { return [] }
        if HTTPStatus.isBodiless(status) {
            exchange.framing = ResponseEncoder.Framing.none
        } else {
            exchange.framing = exchange.version == .http11 ? .chunked : .untilClose
            if exchange.framing == .untilClose { exchange.keepAlive = false }
        }
        let head = encodeHead(status: status, headers: headers, exchange: &exchange, now: now)
        phase = .handling(exchange)
        return [.send(head)]
    }

    private func encodeHead(
        status: Int, headers: HTTPHeaders, exchange: inout Exchange, now: Moment
    ) -> [UInt8] {
        if isDraining || headers.hasToken("close", in: "Connection") { exchange.keepAlive = false }
        return ResponseEncoder.head(
            status: status, headers: headers, framing: exchange.framing ?? .none, version: exchange.version,
            keepAlive: exchange.keepAlive, date: now.date)
    }

    func write(_ bytes: [UInt8]) -> [Action] {
        guard case .handling(let exchange) = phase, !exchange.isHead, !bytes.isEmpty else { return [] }
        switch exchange.framing {
        case .chunked: return [.send(ResponseEncoder.chunk(bytes))]
        case .untilClose: return [.send(bytes)]
        case .length, .some(.none), nil: return []
        }
    }

    mutating func end() -> [Action] {
        guard case .handling(let exchange) = phase, exchange.framing != nil else { return [] }
        let tail: [Action] = exchange.framing == .chunked && !exchange.isHead ? [.send(ResponseEncoder.lastChunk)] : []
        return tail + finish(exchange)
    }

    private mutating func finish(_ exchange: Exchange) -> [Action] {
        if !exchange.keepAlive { isDraining = true }
        bodyBytes = 0
        phase = .answered
        return [.answered]
    }

    /// After `answered`: the next request, if the connection goes on.
    mutating func proceed(now: Moment) -> [Action] {
        guard phase == .answered else { return [] }
        if isDraining { return startLingering(now) }
        phase = .receiving
        progress = .idle
        deadline = now.milliseconds + UInt64(limits.idleTimeoutMilliseconds)
        let bytes = pending
        pending = []
        var actions = bytes.withUnsafeBytes { parse($0, now: now) }
        if phase == .receiving, peerEnded { return actions + leave(.closeWhenSent) }
        if isPaused, phase != .closed, pending.count <= limits.pipelinedBytes {
            isPaused = false
            actions.append(.resumeReading)
        }
        return actions
    }

    // MARK: Time

    /// Called at regular intervals. `sent`: bytes that have left so far; `unsent`: bytes that wait.
    mutating func tick(sent: Int, unsent: Int, now: Moment) -> [Action] {
        if unsent == 0 || sent != lastSent.total { lastSent = (sent, now.milliseconds) }
        if now.milliseconds - lastSent.at >= UInt64(limits.writeTimeoutMilliseconds) { return leave(.reset) }
        // Lingering begins when the answer has left.
        if phase == .lingering, unsent > 0 { deadline = now.milliseconds + UInt64(limits.lingerMilliseconds) }
        if isStalled(now) {
            return refuse(HTTPError(.requestTimeout, "the body stopped coming while others wait for the memory it takes"), now: now)
        }
        guard now.milliseconds >= deadline else { return [] }
        switch phase {
        case .receiving:
            switch parser.progress {
            case .idle: return leave(.closeWhenSent)
            case .head: return refuse(HTTPError(.requestTimeout, "the header took too long"), now: now)
            case .body: return refuse(HTTPError(.requestTimeout, "the body took too long"), now: now)
            }
        case .lingering: return leave(.close)
        case .checking, .handling, .answered, .closed: return []
        }
    }

    private func isStalled(_ now: Moment) -> Bool {
        phase == .receiving && bodyBytes > limits.freeBodyBytes && now.bodyRoom <= 0
            && now.milliseconds - lastReceived >= UInt64(limits.stalledBodyMilliseconds)
    }

    /// A request that has not come whole when the time to drain is over.
    mutating func endReceiving(now: Moment) -> [Action] {
        guard phase == .receiving else { return [] }
        return isIdle ? leave(.closeWhenSent) : refuse(HTTPError(.draining, "the server is stopping"), now: now)
    }

    /// No request after the present one; an idle connection closes at once.
    mutating func drain() -> [Action] {
        isDraining = true
        return isIdle ? leave(.closeWhenSent) : []
    }
}
