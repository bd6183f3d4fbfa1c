import UV

/// Where a responder's answer goes: a connection, or memory.
@LoopActor
public protocol HTTPResponseSink: AnyObject {
    func respond(status: Int, headers: HTTPHeaders, body: [UInt8])
    func beginStream(status: Int, headers: HTTPHeaders)
    func write(_ bytes: [UInt8])
    func end()
    /// Closes the connection before the stream's end.
    func cutOff()
    /// Bytes that were accepted and that the system has not taken yet.
    var bufferedBytes: Int { get }
    /// `bufferedBytes` at which the producer of a stream should wait.
    var saturationBytes: Int { get }
}

/// The answer to one request, given at once or as a stream, now or later. Loop only.
///
/// Only the first answer counts. Calls after the end, after the client has left, or with a second head do nothing.
/// Framing belongs to the server: it sets `Content-Length`, `Transfer-Encoding`, `Date` and `Connection`; a handler may
/// set `Connection: close` to end the connection with this answer.
@LoopActor
public final class HTTPResponder {
    private enum Phase { case waiting, streaming, over }

    /// The client left before the answer's end, or the server was closed. Called at most once, and not after `end`.
    /// Set after the client has left, it is called at once.
    public var onClose: (@LoopActor () -> Void)? {
        didSet { if clientHasLeft, let onClose { self.onClose = nil; onClose() } }
    }
    /// The system has taken all that was written: a saturated producer may go on.
    public var onDrain: (@LoopActor () -> Void)?

    private var phase = Phase.waiting
    private var clientHasLeft = false
    private var sink: (any HTTPResponseSink)?

    public init(sink: any HTTPResponseSink) { self.sink = sink }

    /// The whole answer.
    public func respond(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        guard phase == .waiting, let sink else { return }
        finish()
        sink.respond(status: status, headers: headers, body: body)
    }

    /// Begins an answer whose body comes with `write` and ends with `end`; chunked for HTTP/1.1.
    public func beginStream(status: Int, headers: HTTPHeaders = [:]) {
        guard phase == .waiting, let sink else { return }
        phase = .streaming
        sink.beginStream(status: status, headers: headers)
    }

    /// Appends to the stream and sends at once. Never blocks and never refuses; a fast producer looks at `isSaturated`.
    public func write(_ bytes: [UInt8]) {
        guard phase == .streaming, !bytes.isEmpty else { return }
        sink?.write(bytes)
    }

    public func end() {
        guard phase == .streaming, let sink else { return }
        finish()
        sink.end()
    }

    /// For a stream whose rest cannot be given: the connection closes before its end, so that the client does not take what came for the
    /// whole.
    public func cutOff() {
        guard phase == .streaming, let sink else { return }
        finish()
        sink.cutOff()
    }

    /// Bytes that were accepted and that the system has not taken yet.
    public var bufferedBytes: Int { sink?.bufferedBytes ?? 0 }
    /// The client reads more slowly than this stream is written: wait for `onDrain`.
    public var isSaturated: Bool { sink.map { $0.bufferedBytes >= $0.saturationBytes } ?? false }
    /// The answer is complete, or the client has left.
    public var isClosed: Bool { phase == .over }

    private func finish() {
        phase = .over
        sink = nil
        onClose = nil
        onDrain = nil
    }

    // MARK: For the sink

    /// The client has left.
    public func close() {
        guard phase != .over else { return }
        let onClose = onClose
        finish()
        clientHasLeft = true
        onClose?()
    }

    /// The sink's buffer is empty again.
    public func drained() { onDrain?() }
}
