import UV

/// One connection of a server: moves bytes and actions between the socket, the state and the responder. Loop only.
@LoopActor
final class ServerConnection: HTTPResponseSink {
    private let socket: TCPConnection
    private let server: HTTPServer
    private var state: ServerConnectionState
    private var responder: HTTPResponder?
    private let remoteAddress: String
    /// Actions not yet carried out. One may cause the next, which waits here, so that there is no recursion.
    private var actions: [ServerConnectionState.Action] = []
    private var next = 0
    private var isPerforming = false
    /// Bytes of the sends among `actions`.
    private var queuedBytes = 0
    /// The producer of a stream waits for `onDrain`.
    private var isSaturated = false
    private var totalBytes = 0
    private var mustProceed = false
    /// Bytes of the present body that the server's sum includes.
    private var countedBodyBytes = 0

    init(_ socket: TCPConnection, server: HTTPServer) {
        self.socket = socket
        self.server = server
        remoteAddress = socket.remoteAddress?.description ?? ""
        state = ServerConnectionState(
            limits: server.limits, now: server.moment, checksHeads: server.headCheck != nil, errorAnswer: server.errorAnswer)
        // The socket keeps this object until it has closed.
        socket.onBytes = { bytes in self.perform(self.state.receive(bytes, now: self.server.moment)) }
        socket.onEnd = { error in self.perform(error == nil ? self.state.receiveEnd() : self.state.fail()) }
        socket.onDrain = { self.didDrain() }
        socket.onClosed = { self.didClose() }
    }

    func start() { socket.startReading() }

    /// Answers 503 and ends, without waiting for a request.
    func refuseService() {
        perform(state.refuse(HTTPError(.tooManyConnections, "too many connections"), now: server.moment))
        socket.startReading()
    }

    private func perform(_ more: [ServerConnectionState.Action]) {
        server.heldBodyBytes += state.bodyBytes - countedBodyBytes
        countedBodyBytes = state.bodyBytes
        var more = more[...]
        if isPerforming {
            // Inside a handler: an action that cannot call a handler is carried out at once, unless another waits before it.
            while next == actions.count, let action = more.first, !action.callsHandlers {
                more.removeFirst()
                carryOut(action)
            }
            for case .send(let bytes) in more { queuedBytes += bytes.count }
            actions += more
            return
        }
        isPerforming = true
        for case .send(let bytes) in more { queuedBytes += bytes.count }
        actions += more
        while next < actions.count {
            let action = actions[next]
            next += 1
            if case .send(let bytes) = action { queuedBytes -= bytes.count }
            carryOut(action)
        }
        actions.removeAll(keepingCapacity: next <= 64)
        next = 0
        isPerforming = false
        // What saturated the stream was sent at once from here, so the socket will not report a drain.
        if isSaturated, bufferedBytes == 0 { LoopActor.post { self.didDrain() } }
    }

    private func carryOut(_ action: ServerConnectionState.Action) {
        switch action {
        case .send(let bytes):
            totalBytes += bytes.count
            socket.write(bytes)
        case .check(var request):
            request.remoteAddress = remoteAddress
            if let answer = server.headCheck?(request) {
                perform(state.refuse(answer, now: server.moment))
            } else {
                perform(state.admit(now: server.moment))
            }
        case .handle(var request):
            request.remoteAddress = remoteAddress
            let responder = HTTPResponder(sink: self)
            self.responder = responder
            server.handler(request, responder)
        case .answered:
            responder = nil
            mustProceed = true
            proceedIfTaken()
        case .clientLeft:
            let responder = responder
            self.responder = nil
            responder?.close()
        case .pauseReading: socket.pauseReading()
        case .resumeReading: socket.startReading()
        case .linger: socket.finishWriting()
        case .closeWhenSent: socket.closeAfterWriting()
        case .close: socket.close()
        case .reset: socket.reset()
        }
    }

    /// The next request waits until the client has taken most of the answers before it.
    private func proceedIfTaken() {
        guard mustProceed, bufferedBytes < saturationBytes else { return }
        mustProceed = false
        perform(state.proceed(now: server.moment))
    }

    private func didDrain() {
        isSaturated = false
        responder?.drained()
        proceedIfTaken()
    }

    private func didClose() {
        perform(state.fail())
        server.remove(self)
    }

    // MARK: From the server

    func tick() {
        if !socket.isReading, socket.peerHasLeft { perform(state.receiveEnd()) }
        perform(state.tick(sent: totalBytes - socket.unsentBytes, unsent: socket.unsentBytes, now: server.moment))
    }

    func drain() { perform(state.drain()) }

    func endReceiving() { perform(state.endReceiving(now: server.moment)) }

    func abort() {
        perform(state.fail())
        socket.close()
    }

    // MARK: From the responder

    var bufferedBytes: Int { socket.unsentBytes + queuedBytes }
    var saturationBytes: Int { server.limits.writeBufferBytes }

    func respond(status: Int, headers: HTTPHeaders, body: [UInt8]) {
        perform(state.respond(status: status, headers: headers, body: body, now: server.moment))
    }

    func beginStream(status: Int, headers: HTTPHeaders) {
        perform(state.beginStream(status: status, headers: headers, now: server.moment))
    }

    func write(_ bytes: [UInt8]) {
        guard bufferedBytes <= server.limits.writeOverflowBytes else { return perform(state.fail()) }
        perform(state.write(bytes))
        if bufferedBytes >= saturationBytes { isSaturated = true }
    }

    func end() { perform(state.end()) }

    func cutOff() { perform(state.fail()) }
}

extension ServerConnectionState.Action {
    /// Carrying it out may call a handler or begin the next request.
    fileprivate var callsHandlers: Bool {
        switch self {
        case .check, .handle, .answered: true
        case .send, .clientLeft, .pauseReading, .resumeReading, .linger, .closeWhenSent, .close, .reset: false
        }
    }
}
