internal import CUV
internal import Glibc

/// A listening socket: hands each accepted connection to a handler. Loop only.
///
/// A connection that cannot be accepted does not end the listening: the listener reports it, at most once a minute, waits a
/// moment and goes on.
public final class TCPListener: LoopHandle {
    private var handler: (@LoopActor (TCPConnection) -> Void)?
    private var failureHandler: (@LoopActor (UVError) -> Void)?
    private let makeConnection: @LoopActor () throws(UVError) -> TCPConnection
    private var retry: LoopTimer?
    private var retryMilliseconds = TCPListener.firstRetryMilliseconds
    private var lastReport: UInt64?
    /// What the socket is bound to; the port is the real one when the caller gave 0.
    public private(set) var address: SocketAddress

    private static let firstRetryMilliseconds = 50
    private static let longestRetryMilliseconds = 1_000
    private static let reportMilliseconds: UInt64 = 60_000

    /// Binds and listens. `address.port` 0 takes any free port.
    /// - Parameters:
    ///   - backlog: connections the system holds until they are accepted.
    ///   - failed: gets the reason when a connection could not be accepted, at most once a minute.
    public convenience init(
        _ address: SocketAddress, backlog: Int = 1024, failed: @escaping @LoopActor (UVError) -> Void = { _ in },
        handler: @escaping @LoopActor (TCPConnection) -> Void
    ) throws(UVError) {
        try self.init(address, backlog: backlog, failed: failed, makeConnection: { () throws(UVError) in try TCPConnection() }, handler: handler)
    }

    /// - Parameter makeConnection: replaced by tests.
    init(
        _ address: SocketAddress, backlog: Int = 1024, failed: @escaping @LoopActor (UVError) -> Void,
        makeConnection: @escaping @LoopActor () throws(UVError) -> TCPConnection,
        handler: @escaping @LoopActor (TCPConnection) -> Void
    ) throws(UVError) {
        self.address = address
        self.handler = handler
        self.makeConnection = makeConnection
        failureHandler = failed
        try super.init(uv_tcp_t.self, "socket") { uv_tcp_init($0, $1) }
        do throws(UVError) {
            try bind(address)
            try listen(backlog)
            self.address = try boundAddress()
        } catch {
            close()
            throw error
        }
    }

    private func bind(_ address: SocketAddress) throws(UVError) {
        let status = try address.withResolved { (pointer) throws(UVError) in
            uv_tcp_bind(self.pointer(as: uv_tcp_t.self), pointer, 0)
        }
        if status != 0 { throw UVError(status, "bind to \(address)") }
    }

    private func listen(_ backlog: Int) throws(UVError) {
        let status = uv_listen(pointer(as: uv_stream_t.self), CInt(clamping: backlog)) { stream, status in
            guard let owner = LoopHandle.owner(stream?.pointee.data, as: TCPListener.self) else { return }
            LoopActor.assumeIsolated {
                if status == 0 { owner.accept() } else { owner.report(UVError(status, "accept a connection")) }
            }
        }
        if status != 0 { throw UVError(status, "listen on \(address)") }
    }

    private func boundAddress() throws(UVError) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = CInt(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                uv_tcp_getsockname(pointer(as: uv_tcp_t.self), $0, &length)
            }
        }
        guard status == 0, let bound = SocketAddress(storage) else { throw UVError(status, "read the bound address") }
        return bound
    }

    private func accept() {
        guard !isClosing else { return }
        let connection: TCPConnection
        do throws(UVError) {
            connection = try makeConnection()
        } catch {
            report(error)
            return acceptLater()
        }
        let status = uv_accept(pointer(as: uv_stream_t.self), connection.pointer(as: uv_stream_t.self))
        guard status == 0 else {
            connection.close()
            return report(UVError(status, "accept a connection"))
        }
        retryMilliseconds = Self.firstRetryMilliseconds
        connection.didConnect()
        if let handler { handler(connection) } else { connection.close() }
    }

    /// libuv reports no further connection until the one that waits has been accepted.
    private func acceptLater() {
        let timer = retry ?? LoopTimer { [weak self] in self?.accept() }
        retry = timer
        timer.start(afterMilliseconds: retryMilliseconds)
        retryMilliseconds = min(2 * retryMilliseconds, Self.longestRetryMilliseconds)
    }

    private func report(_ error: UVError) {
        let now = LoopActor.nowMilliseconds
        if let lastReport, now - lastReport < Self.reportMilliseconds { return }
        lastReport = now
        failureHandler?(error)
    }

    override func willClose() {
        retry?.close()
        retry = nil
    }

    override func didClose() {
        handler = nil
        failureHandler = nil
    }
}
