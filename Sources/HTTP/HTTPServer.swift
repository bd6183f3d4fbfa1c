import UV

/// An HTTP/1.1 server on the loop: keep-alive, pipelining in order, chunked bodies both ways, limits on everything.
///
/// The handler is called on the loop, once for each whole request, and answers through the responder now or later. While
/// a request is being answered, the end of its connection (also the end of the client's direction only) counts as "the
/// client has left": the responder's `onClose` fires. `HEAD` is answered like `GET`, without the body.
@LoopActor
public final class HTTPServer {
    public typealias Handler = @LoopActor (HTTPRequest, HTTPResponder) -> Void
    /// Header and body of the answer to a request that is refused before any handler sees it; called on the loop.
    public typealias ErrorAnswer = @Sendable (HTTPError) -> (headers: HTTPHeaders, body: [UInt8])
    /// Decides by the header whether a body may come; an answer refuses it and ends the connection. Called on the loop, for
    /// chunked bodies and for those beyond `HTTPLimits.uncheckedBodyBytes`; the handler sees the request only afterwards.
    public typealias HeadCheck = @LoopActor (_ head: HTTPRequest) -> HTTPAnswer?

    public let limits: HTTPLimits
    let handler: Handler
    let errorAnswer: ErrorAnswer
    let headCheck: HeadCheck?
    /// Of the requests that are being received or answered.
    public internal(set) var heldBodyBytes = 0
    private let acceptFailed: @LoopActor (UVError) -> Void
    private var listener: TCPListener?
    private var connections: [ObjectIdentifier: ServerConnection] = [:]
    /// Those that get a 503, which do not count against the limit.
    private var refused: Set<ObjectIdentifier> = []
    private var ticks: LoopTimer?
    private var patience = PatienceClock(now: LoopActor.nowMilliseconds)
    private var isClosing = false
    private var waitingForEnd: [CheckedContinuation<Void, Never>] = []
    private var date = (seconds: 0, text: "")

    private static let refusedAtOnce = 64
    private static let tickMilliseconds = Int(PatienceClock.tickMilliseconds)

    /// - Parameter acceptFailed: gets the reason when a connection could not be accepted, at most once a minute.
    public init(
        limits: HTTPLimits = HTTPLimits(), errorAnswer: ErrorAnswer? = nil, headCheck: HeadCheck? = nil,
        acceptFailed: @escaping @LoopActor (UVError) -> Void = { _ in }, handler: @escaping Handler
    ) {
        var limits = limits
        limits.allBodiesBytes = max(limits.allBodiesBytes, limits.bodyBytes)
        self.limits = limits
        self.handler = handler
        self.headCheck = headCheck
        self.acceptFailed = acceptFailed
        self.errorAnswer = errorAnswer ?? { error in
            (["Content-Type": "text/plain; charset=utf-8"], Array("\(error.message)\n".utf8))
        }
    }

    /// Binds and accepts. Port 0 takes any free port; returns the port that is bound.
    @discardableResult
    public func listen(host: String, port: Int) throws(UVError) -> Int {
        precondition(listener == nil, "listen was called twice on one server")
        let listener = try TCPListener(SocketAddress(host: host, port: port), failed: acceptFailed) { [weak self] socket in
            if let self { self.accept(socket) } else { socket.close() }
        }
        self.listener = listener
        return listener.address.port
    }

    /// What the server is bound to.
    public var address: SocketAddress? { listener?.address }
    /// Open connections, including idle ones.
    public var connectionCount: Int { connections.count - refused.count }

    // MARK: Connections

    private func accept(_ socket: TCPConnection) {
        guard !isClosing else { return socket.close() }
        let isOverLimit = connectionCount >= limits.connections
        guard !isOverLimit || refused.count < Self.refusedAtOnce else { return socket.reset() }
        let connection = ServerConnection(socket, server: self)
        connections[ObjectIdentifier(connection)] = connection
        if ticks == nil { startTicks() }
        if isOverLimit {
            refused.insert(ObjectIdentifier(connection))
            connection.refuseService()
        } else {
            connection.start()
        }
    }

    func remove(_ connection: ServerConnection) {
        refused.remove(ObjectIdentifier(connection))
        connections[ObjectIdentifier(connection)] = nil
        guard connections.isEmpty else { return }
        ticks?.close()
        ticks = nil
        for continuation in waitingForEnd { continuation.resume() }
        waitingForEnd = []
    }

    private func startTicks() {
        // What was not counted while there were no connections is not counted now.
        patience.tick(now: LoopActor.nowMilliseconds)
        let timer = LoopTimer { [weak self] in
            guard let self else { return }
            self.patience.tick(now: LoopActor.nowMilliseconds)
            for connection in self.connections.values { connection.tick() }
        }
        timer.start(afterMilliseconds: Self.tickMilliseconds, repeatMilliseconds: Self.tickMilliseconds)
        ticks = timer
    }

    /// The time, and the `Date` field's text, which is made once a second.
    var moment: ServerConnectionState.Moment {
        let seconds = HTTPDate.nowSeconds()
        if seconds != date.seconds { date = (seconds, HTTPDate.format(seconds)) }
        return ServerConnectionState.Moment(
            milliseconds: patience.milliseconds(now: LoopActor.nowMilliseconds), date: date.text,
            bodyRoom: limits.allBodiesBytes - heldBodyBytes)
    }

    // MARK: The end

    /// Stops accepting, closes idle connections at once and lets running requests finish until the deadline.
    ///
    /// At the deadline, requests that have not come whole are answered 503 and `atDeadline` ends all others. What clients have
    /// not taken within `graceMilliseconds` after that is cut off. Returns when all connections are closed.
    public func drain(
        deadlineMilliseconds: Int, graceMilliseconds: Int = 2_000, atDeadline: @escaping @LoopActor () -> Void = {}
    ) async {
        stopAccepting()
        for connection in connections.values { connection.drain() }
        guard !connections.isEmpty else { return }
        let grace = LoopTimer { [self] in abortAll() }
        let deadline = LoopTimer { [self] in
            for connection in connections.values { connection.endReceiving() }
            atDeadline()
            grace.start(afterMilliseconds: graceMilliseconds)
        }
        deadline.start(afterMilliseconds: deadlineMilliseconds)
        await withCheckedContinuation { waitingForEnd.append($0) }
        deadline.close()
        grace.close()
    }

    /// Stops accepting and cuts off every connection: responders see that their client has left.
    public func close() {
        stopAccepting()
        abortAll()
    }

    private func stopAccepting() {
        isClosing = true
        listener?.close()
        listener = nil
    }

    private func abortAll() {
        for connection in connections.values { connection.abort() }
    }
}
