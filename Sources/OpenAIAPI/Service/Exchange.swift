import Generation
import HTTP
import JSON
import UV

/// One request and its answer: common headers, the request's identity, its record. Loop only.
@LoopActor
final class Exchange {
    private(set) var request: HTTPRequest
    let responder: HTTPResponder
    let id: String
    var record: RequestRecord
    var errors = ErrorDialect.openAI
    /// For rules about adapters; set once the key is known.
    private(set) var caller = Caller()
    /// Sees every adapter where adapters are managed.
    private(set) var isAdmin = false
    /// Whose files and fine-tuning jobs it may see.
    private(set) var owner = FineTuningOwner(.anyone, isAdmin: false)
    /// Cached prefixes are shared within it; nil is the common one.
    var cachePartition: String?
    /// Called once, when the answer is complete or the client has left.
    var onOver: (@LoopActor () -> Void)?
    /// Called once, when the client left before the end.
    var onClientLeft: (@LoopActor () -> Void)?
    /// The last frames of a stream that fails; nil: the error as `errors` writes it.
    var failureFrames: (@LoopActor (APIError) -> [JSONValue]?)?

    private let common: HTTPHeaders
    private let started = ContinuousClock().now
    private let observe: @LoopActor (RequestRecord) -> Void
    private var isObserved = false
    private var hasBegun = false
    private var framing = StreamFraming.events
    /// A writer of a body waits for the client.
    private var waiting: CheckedContinuation<Void, Never>?

    init(
        _ request: HTTPRequest, _ responder: HTTPResponder, id: String, endpoint: String, common: HTTPHeaders,
        observe: @escaping @LoopActor (RequestRecord) -> Void
    ) {
        self.request = request
        self.responder = responder
        self.id = id
        self.common = common
        self.observe = observe
        record = RequestRecord(
            id: id, method: request.method, endpoint: endpoint, remoteAddress: request.remoteAddress)
        // The connection holds the responder, and the responder holds this, until the answer ends or the client leaves.
        responder.onClose = { self.clientLeft() }
    }

    func identify(_ holder: APIKeys.Holder, owner: FineTuningOwner) {
        isAdmin = holder.access == .admin
        self.owner = owner
        record.key = holder.name
        var headers: [String: [String]] = [:]
        for (name, value) in request.headers.fields {
            let name = name.lowercased()
            guard !Self.credentials.contains(name) else { continue }
            headers[name, default: []].append(value.utf8.count <= Self.longestHeaderValue ? value : "")
        }
        caller = Caller(key: holder.name, headers: headers)
    }

    /// Rules compare the values of headers; a longer one is no value of a rule, and comparing it could take very long.
    private static let longestHeaderValue = 1_024
    private static let credentials = APIKeys.headerNames.union(["authorization", "proxy-authorization", "cookie"])

    /// Returns the body and releases it.
    func takeBody() -> [UInt8] {
        defer { request.body = [] }
        return request.body
    }

    var elapsedMilliseconds: Double { (ContinuousClock().now - started) / .milliseconds(1) }
    var isOver: Bool { responder.isClosed }

    // MARK: Whole answers

    func respond(_ value: JSONValue, status: Int = 200, headers: HTTPHeaders = [:]) {
        respond(bytes: value.serializedBytes(), type: "application/json", status: status, headers: headers)
    }

    func respond(text: String, type: String = "text/plain; charset=utf-8", status: Int = 200) {
        respond(bytes: Array(text.utf8), type: type, status: status, headers: [:])
    }

    func respond(bytes: [UInt8], type: String?, status: Int, headers: HTTPHeaders) {
        guard !isOver else { return }
        record.status = status
        finish()
        responder.respond(status: status, headers: head(type, headers), body: bytes)
    }

    func fail(_ error: APIError) {
        guard !isOver else { return }
        let status = errors.status(error)
        note(error)
        var headers = HTTPHeaders()
        if let seconds = error.retryAfterSeconds ?? (status == 429 || status == 503 || status == 529 ? 1 : nil) {
            headers["retry-after"] = String(seconds)
        }
        if let methods = error.allowedMethods { headers["Allow"] = methods }
        if status == 401 { headers["WWW-Authenticate"] = "Bearer" }
        respond(errors.body(error, requestID: id), status: status, headers: headers)
    }

    // MARK: Streams

    func beginEvents(headers: HTTPHeaders, framing: StreamFraming = .events) {
        guard !isOver, !hasBegun else { return }
        hasBegun = true
        self.framing = framing
        record.status = 200
        record.isStream = true
        var head = head(framing.contentType, headers)
        head["Cache-Control"] = "no-cache"
        // Proxies of the nginx kind would hold events back.
        head["X-Accel-Buffering"] = "no"
        responder.beginStream(status: 200, headers: head)
    }

    /// One write for all of them.
    func writeEvents(_ events: [JSONValue]) {
        guard !events.isEmpty else { return }
        var bytes: [UInt8] = []
        for event in events { framing.append(event, to: &bytes) }
        responder.write(bytes)
    }

    /// - Parameter error: an error after the stream began: it is the last event, and there is no `[DONE]`.
    func endEvents(done: Bool, error: APIError? = nil) {
        guard !isOver else { return }
        if let error {
            note(error)
            writeEvents(failureFrames?(error) ?? [errors.body(error, requestID: id)])
        } else if done {
            responder.write(Array("data: [DONE]\n\n".utf8))
        }
        finish()
        responder.end()
    }

    // MARK: Bodies in pieces

    /// Begins an answer whose body comes with `writeBody`.
    func beginBody(type: String, headers: HTTPHeaders = [:]) {
        guard !isOver, !hasBegun else { return }
        hasBegun = true
        record.status = 200
        responder.onDrain = { [weak self] in self?.wake() }
        responder.beginStream(status: 200, headers: head(type, headers))
    }

    /// Writes a piece, and waits while the client has not taken most of those before. False when it has left.
    func writeBody(_ bytes: [UInt8]) async -> Bool {
        responder.write(bytes)
        if responder.isSaturated, !isOver { await withCheckedContinuation { waiting = $0 } }
        return !isOver
    }

    /// - Parameter error: why the rest cannot be given: the connection closes before the body's end.
    func endBody(error: APIError? = nil) {
        guard !isOver else { return }
        if let error { note(error) }
        finish()
        if error == nil { responder.end() } else { responder.cutOff() }
    }

    private func wake() {
        waiting?.resume()
        waiting = nil
    }

    // MARK: The end

    /// Ends an answer that has not ended by itself: as an error, or in a stream as its last event.
    func end(with error: APIError) {
        guard !isOver else { return }
        let stop = onClientLeft
        if hasBegun { endEvents(done: false, error: error) } else { fail(error) }
        stop?()
    }

    private func note(_ error: APIError) {
        record.errorCode = error.code
        record.failure = error.cause ?? (error.code == .internalFailure ? error.message : nil)
    }

    private func head(_ type: String?, _ more: HTTPHeaders) -> HTTPHeaders {
        var headers = common
        if let type { headers["Content-Type"] = type }
        if errors == .anthropic { headers["request-id"] = id }
        headers["openai-processing-ms"] = String(Int(elapsedMilliseconds.rounded()))
        for (name, value) in more.fields { headers[name] = value }
        return headers
    }

    private func clientLeft() {
        record.clientLeft = true
        if !hasBegun { record.status = 499 }
        let onClientLeft = onClientLeft
        finish()
        onClientLeft?()
    }

    private func finish() {
        wake()
        onClientLeft = nil
        failureFrames = nil
        guard !isObserved else { return }
        isObserved = true
        record.milliseconds = elapsedMilliseconds
        observe(record)
        onOver?()
        onOver = nil
    }
}
