import Foundation

/// A blocking socket on 127.0.0.1 that sends and receives plain bytes: what a hostile or careless client is.
///
/// One thread at a time; use it inside `run`. Silence of five minutes counts as an error, so that a test ends.
public final class LoopbackClient {
    public struct Failure: Error {
        public var message: String
        public init(_ message: String) { self.message = message }
    }

    private let descriptor: Int32
    public private(set) var received: [UInt8] = []

    public init(port: Int, receiveBufferBytes: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure("socket: \(errno)") }
        if var receiveBufferBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBufferBytes, socklen_t(MemoryLayout<Int32>.size))
        }
        var patience = timeval(tv_sec: 300, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Failure("connect: \(errno)") }
    }

    deinit { close(descriptor) }

    /// Runs blocking client code on a thread of its own, off the cooperative ones.
    public static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Swift.Result { try body() }) }
        }
    }

    /// True when all of it was taken.
    @discardableResult
    public func send(_ bytes: some Swift.Sequence<UInt8>) -> Bool {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }

    @discardableResult
    public func send(_ text: String) -> Bool { send(text.utf8) }

    public func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Whether the server has sent something, or closed, before the time is over.
    public func isReadable(withinMilliseconds milliseconds: Int32) -> Bool {
        var status = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&status, 1, milliseconds) > 0
    }

    /// Reads once; 0 at the end of the stream, nil after an error or silence.
    @discardableResult
    public func receive(maximum: Int = 65536) -> Int? {
        var buffer = [UInt8](repeating: 0, count: maximum)
        let count = recv(descriptor, &buffer, maximum, 0)
        guard count >= 0 else { return nil }
        received += buffer[..<count]
        return count
    }

    public var text: String { String(decoding: received, as: UTF8.self) }

    /// Everything until the server closes; nil when it reset the connection or stays open.
    public func receiveAll() -> String? {
        while true {
            guard let count = receive() else { return nil }
            if count == 0 { return text }
        }
    }

    /// Until `part` has come `count` times.
    public func receive(until part: String, count: Int = 1) -> String? {
        while text.components(separatedBy: part).count - 1 < count {
            guard let count = receive(), count > 0 else { return nil }
        }
        return text
    }
}

/// Hands a value to another thread that alone uses it from then on.
public struct UncheckedBox<Value>: @unchecked Sendable {
    public let value: Value
    public init(_ value: Value) { self.value = value }
}
