internal import CUV
internal import Glibc

/// A listening socket: hands each accepted connection to a handler. Loop only.
public final class TCPListener: LoopHandle {
    private var handler: (@LoopActor (TCPConnection) -> Void)?
    /// What the socket is bound to; the port is the real one when 0 was asked for.
    public private(set) var address: SocketAddress

    /// Binds and listens. `address.port` 0 takes any free port.
    /// - Parameter backlog: connections the system holds until they are accepted.
    public init(
        _ address: SocketAddress, backlog: Int = 1024, handler: @escaping @LoopActor (TCPConnection) -> Void
    ) throws(UVError) {
        self.address = address
        self.handler = handler
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
            guard status == 0, let owner = LoopHandle.owner(stream?.pointee.data, as: TCPListener.self) else { return }
            LoopActor.assumeIsolated { owner.accept() }
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
        guard let connection = try? TCPConnection() else { return }
        let status = uv_accept(pointer(as: uv_stream_t.self), connection.pointer(as: uv_stream_t.self))
        guard status == 0 else { return connection.close() }
        connection.didConnect()
        if let handler { handler(connection) } else { connection.close() }
    }

    override func didClose() { handler = nil }
}
