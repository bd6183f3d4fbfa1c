internal import CUV
internal import Glibc

/// One TCP connection: bytes in by callback, bytes out through a queue. Loop only.
///
/// No callback comes before `startReading`. After `close`, or the end of both directions, only `onClosed` comes.
public final class TCPConnection: LoopHandle {
    /// Bytes that arrived, borrowed for the call.
    public var onBytes: (@LoopActor (UnsafeRawBufferPointer) -> Void)?
    /// The peer sends no more (nil), or the connection broke. Reading has stopped; the owner decides whether to close.
    public var onEnd: (@LoopActor (UVError?) -> Void)?
    /// The write queue became empty after it was not.
    public var onDrain: (@LoopActor () -> Void)?
    /// The handle is closed; the last call.
    public var onClosed: (@LoopActor () -> Void)?

    public private(set) var remoteAddress: SocketAddress?
    public private(set) var isReading = false
    /// A write failed or the queue was shut: later writes are dropped.
    private var isWritable = true
    /// Set while the end of this direction waits for what is queued before it.
    private var whenShutDown: (@LoopActor (TCPConnection) -> Void)?

    init() throws(UVError) {
        try super.init(uv_tcp_t.self, "socket") { uv_tcp_init($0, $1) }
    }

    private var stream: UnsafeMutablePointer<uv_stream_t> { pointer(as: uv_stream_t.self) }

    /// Bytes that were written and that the system has not taken yet.
    public var unsentBytes: Int { isClosing ? 0 : uv_stream_get_write_queue_size(stream) }

    /// After accept: sets options and reads the address of the peer.
    func didConnect() {
        uv_tcp_nodelay(pointer(as: uv_tcp_t.self), 1)
        var storage = sockaddr_storage()
        var length = CInt(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                uv_tcp_getpeername(pointer(as: uv_tcp_t.self), $0, &length)
            }
        }
        if status == 0 { remoteAddress = SocketAddress(storage) }
    }

    // MARK: Reading

    /// Starts or resumes delivery to `onBytes`.
    public func startReading() {
        guard !isClosing, !isReading else { return }
        let status = uv_read_start(stream, { _, _, buffer in
            // Reads are consumed inside the callback, so the loop needs one buffer for all connections.
            LoopActor.assumeIsolated { ReadBuffer.shared.lend(to: buffer) }
        }, { stream, count, _ in
            guard let owner = LoopHandle.owner(stream?.pointee.data, as: TCPConnection.self) else { return }
            LoopActor.assumeIsolated { owner.didRead(count) }
        })
        isReading = status == 0
    }

    /// Stops delivery; the peer is slowed down by TCP's window. Its end is not noticed meanwhile: see `peerHasLeft`.
    public func pauseReading() {
        guard !isClosing, isReading else { return }
        isReading = false
        uv_read_stop(stream)
    }

    private func didRead(_ count: Int) {
        guard !isClosing, isReading else { return }
        if count > 0 {
            onBytes?(ReadBuffer.shared.bytes(count))
        } else if count < 0 {
            pauseReading()
            let ended = count == Int(UV_EOF.rawValue)
            onEnd?(ended ? nil : UVError(CInt(truncatingIfNeeded: count), "read from \(name)"))
        }
    }

    private var name: String { remoteAddress.map(\.description) ?? "the peer" }

    /// Whether the system knows that the peer has closed or reset the connection, even while reading is paused.
    public var peerHasLeft: Bool {
        guard !isClosing else { return true }
        var descriptor: uv_os_fd_t = -1
        guard uv_fileno(base, &descriptor) == 0 else { return false }
        // POLLRDHUP, which Glibc declares for _GNU_SOURCE only.
        let peerClosed: Int16 = 0x2000
        var request = pollfd(fd: descriptor, events: peerClosed, revents: 0)
        return poll(&request, 1, 0) > 0 && request.revents & (peerClosed | Int16(POLLHUP | POLLERR)) != 0
    }

    // MARK: Writing

    /// Writes in order. What the socket does not take at once is copied and queued; `unsentBytes` says how much waits.
    public func write(_ bytes: [UInt8]) {
        guard !isClosing, isWritable, !bytes.isEmpty else { return }
        bytes.withUnsafeBytes { whole in
            var rest = whole
            if unsentBytes == 0 {
                var buffer = uv_buf_t(whole)
                let sent = uv_try_write(stream, &buffer, 1)
                if sent > 0 { rest = UnsafeRawBufferPointer(rebasing: whole.dropFirst(Int(sent))) }
                // EAGAIN and real errors alike go through the queue, whose callback reports the latter.
            }
            if !rest.isEmpty { enqueue(rest) }
        }
    }

    private func enqueue(_ bytes: UnsafeRawBufferPointer) {
        let write = WriteRequest.make(copying: bytes)
        var buffer = write.buffer
        let status = uv_write(write.request, stream, &buffer, 1) { request, status in
            guard let request, let stream = request.pointee.handle else { return }
            let owner = LoopHandle.owner(stream.pointee.data, as: TCPConnection.self)
            WriteRequest.free(request)
            LoopActor.assumeIsolated { owner?.didWrite(status) }
        }
        if status != 0 {
            WriteRequest.free(write.request)
            failWriting(status)
        }
    }

    private func didWrite(_ status: CInt) {
        guard !isClosing else { return }
        if status < 0 {
            failWriting(status)
        } else if unsentBytes == 0 {
            onDrain?()
        }
    }

    private func failWriting(_ status: CInt) {
        guard isWritable else { return }
        isWritable = false
        pauseReading()
        // Never from inside `write`: its caller is in the middle of something.
        let error = UVError(status, "write to \(name)")
        LoopActor.post { [weak self] in
            guard let self, !self.isClosing else { return }
            self.onEnd?(error)
        }
    }

    /// Sends what is queued, then the end of this direction. Reading goes on.
    public func finishWriting() {
        guard !isClosing, isWritable else { return }
        isWritable = false
        shutDown { _ in }
    }

    /// Closes as soon as what is queued has been sent, or cannot be.
    public func closeAfterWriting() {
        guard !isClosing else { return }
        pauseReading()
        if isWritable {
            isWritable = false
            shutDown { $0.close() }
        } else if whenShutDown != nil {
            whenShutDown = { $0.close() }
        } else {
            close()
        }
    }

    private func shutDown(then finish: @escaping @LoopActor (TCPConnection) -> Void) {
        let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
        whenShutDown = finish
        let status = uv_shutdown(request, stream) { request, _ in
            let owner = LoopHandle.owner(request?.pointee.handle?.pointee.data, as: TCPConnection.self)
            request?.deallocate()
            LoopActor.assumeIsolated { owner?.didShutDown() }
        }
        if status != 0 {
            request.deallocate()
            didShutDown()
        }
    }

    private func didShutDown() {
        let finish = whenShutDown
        whenShutDown = nil
        finish?(self)
    }

    /// Closes with a reset: unsent bytes are dropped and the peer learns at once.
    public func reset() {
        guard !isClosing else { return }
        var descriptor: uv_os_fd_t = -1
        if uv_fileno(base, &descriptor) == 0 {
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        }
        close()
    }

    override func didClose() {
        let onClosed = onClosed
        onBytes = nil
        onEnd = nil
        onDrain = nil
        whenShutDown = nil
        self.onClosed = nil
        onClosed?()
    }
}
