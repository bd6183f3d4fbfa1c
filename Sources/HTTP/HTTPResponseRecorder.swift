import UV

/// An answer kept in memory: for calling a handler without a socket. Loop only.
@LoopActor
public final class HTTPResponseRecorder: HTTPResponseSink {
    public private(set) var status: Int?
    public private(set) var headers = HTTPHeaders()
    /// All of it, without chunk framing.
    public private(set) var body: [UInt8] = []
    /// The pieces as they were written, for streams.
    public private(set) var writes: [[UInt8]] = []
    public private(set) var isStream = false
    public private(set) var isEnded = false
    /// The stream has no end.
    public private(set) var isCutOff = false
    /// Set it to simulate a slow reader.
    public var bufferedBytes = 0
    public var saturationBytes = HTTPLimits().writeBufferBytes

    private var waiting: [CheckedContinuation<Void, Never>] = []

    public init() {}

    /// Calls `handler` with `request` and waits for the end of its answer.
    public static func answer(
        _ request: HTTPRequest, by handler: @LoopActor (HTTPRequest, HTTPResponder) -> Void
    ) async -> HTTPResponseRecorder {
        let recorder = HTTPResponseRecorder()
        handler(request, HTTPResponder(sink: recorder))
        await recorder.untilEnded()
        return recorder
    }

    public func untilEnded() async {
        guard !isEnded else { return }
        await withCheckedContinuation { waiting.append($0) }
    }

    public func respond(status: Int, headers: HTTPHeaders, body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
        end()
    }

    public func beginStream(status: Int, headers: HTTPHeaders) {
        self.status = status
        self.headers = headers
        isStream = true
    }

    public func write(_ bytes: [UInt8]) {
        writes.append(bytes)
        body += bytes
    }

    public func cutOff() {
        isCutOff = true
        end()
    }

    public func end() {
        isEnded = true
        let resumed = waiting
        waiting = []
        for continuation in resumed { continuation.resume() }
    }
}
