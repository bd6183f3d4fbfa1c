/// The state of one server connection: a plain value that takes what happened and returns what to do, apart from I/O.
///
/// Requests are answered in order and one at a time; bytes of further requests wait, bounded, until the answer is out.
/// Every method may be called in every phase; what no longer applies returns nothing.
struct ServerConnectionState {
    enum Action {
        case send([UInt8])
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

    /// What the I/O layer knows when it calls.
    struct Moment {
        /// Of the loop's monotonic clock.
        var milliseconds: UInt64
        /// For the `Date` field.
        var date: String
    }

    /// The content of an answer to a request that was refused here.
    typealias ErrorAnswer = @Sendable (HTTPError) -> (headers: HTTPHeaders, body: [UInt8])

    enum Phase: Equatable {
        case receiving
        /// A handler has the request.
        case handling(Exchange)
        /// The answer is complete and the client is taking it.
        case answered
        case lingering
        case closed
    }

    /// The request that is being answered, as far as the answer's form depends on it.
    struct Exchange: Equatable {
        var isHead: Bool
        var version: HTTPRequest.Version
        var keepAlive: Bool
        /// Set with the head of a stream.
        var framing: ResponseEncoder.Framing?
    }

    let limits: HTTPLimits
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
    /// Of writing: when bytes last left, and how many had left then.
    private var lastSent: (total: Int, at: UInt64)

    init(limits: HTTPLimits, now: Moment, errorAnswer: @escaping ErrorAnswer) {
        self.limits = limits
        self.errorAnswer = errorAnswer
        parser = RequestParser(limits: limits)
        // A client that connects and says nothing has no claim to the patience of one between two requests.
        deadline = now.milliseconds + UInt64(min(limits.headerTimeoutMilliseconds, limits.idleTimeoutMilliseconds))
        lastSent = (0, now.milliseconds)
    }

    /// Nothing of a request is here and nothing is being answered.
    var isIdle: Bool { phase == .receiving && parser.progress == .idle && pending.isEmpty }

    // MARK: Input

    mutating func receive(_ bytes: UnsafeRawBufferPointer, now: Moment) -> [Action] {
        switch phase {
        case .receiving:
            return parse(bytes, now: now)
        case .handling, .answered:
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
        do throws(HTTPError) {
            while offset < bytes.count {
                switch try parser.next(bytes, offset: &offset) {
                case nil: break
                case .head(let expectsContinue):
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

    /// The client sends no more. While it waits for an answer that means that it has left.
    mutating func receiveEnd() -> [Action] {
        peerEnded = true
        switch phase {
        case .receiving, .lingering: return leave(.closeWhenSent)
        case .answered: return []
        case .handling: return leave(.close)
        case .closed: return []
        }
    }

    /// The connection broke.
    mutating func fail() -> [Action] { leave(.close) }

    private mutating func leave(_ last: Action) -> [Action] {
        let wasHandling = if case .handling = phase { true } else { false }
        guard phase != .closed else { return [] }
        phase = .closed
        pending = []
        return wasHandling ? [.clientLeft, last] : [last]
    }

    /// Answers a request that is no request, and ends the connection: where the next one begins is unknown.
    mutating func refuse(_ error: HTTPError, now: Moment) -> [Action] {
        guard phase == .receiving else { return [] }
        let answer = errorAnswer(error)
        let head = ResponseEncoder.head(
            status: error.status, headers: answer.headers, framing: .length(answer.body.count), version: .http11,
            keepAlive: false, date: now.date)
        return [.send(head + answer.body)] + startLingering(now)
    }

    private mutating func startLingering(_ now: Moment) -> [Action] {
        pending = []
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
        phase = .answered
        return [.answered]
    }

    /// After `answered`: the next request, if the connection lives on.
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

    /// Called every now and then. `sent`: bytes that have left so far; `unsent`: bytes that wait.
    mutating func tick(sent: Int, unsent: Int, now: Moment) -> [Action] {
        if unsent == 0 || sent != lastSent.total { lastSent = (sent, now.milliseconds) }
        if now.milliseconds - lastSent.at >= UInt64(limits.writeTimeoutMilliseconds) { return leave(.reset) }
        // Lingering begins when the answer has left.
        if phase == .lingering, unsent > 0 { deadline = now.milliseconds + UInt64(limits.lingerMilliseconds) }
        guard now.milliseconds >= deadline else { return [] }
        switch phase {
        case .receiving:
            switch parser.progress {
            case .idle: return leave(.closeWhenSent)
            case .head: return refuse(HTTPError(.requestTimeout, "the header took too long"), now: now)
            case .body: return refuse(HTTPError(.requestTimeout, "the body took too long"), now: now)
            }
        case .lingering: return leave(.close)
        case .handling, .answered, .closed: return []
        }
    }

    /// No request after the present one; an idle connection closes at once.
    mutating func drain() -> [Action] {
        isDraining = true
        return isIdle ? leave(.closeWhenSent) : []
    }
}
