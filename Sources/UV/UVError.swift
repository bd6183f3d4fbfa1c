internal import CUV

/// Why an operation of libuv failed, or how a connection ended.
public struct UVError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The port or address is taken.
        case addressInUse
        /// The address is malformed, or this machine does not have it.
        case addressNotAvailable
        /// Not allowed: a low port, an unreadable folder.
        case permission
        /// No such file, folder or host name.
        case notFound
        /// No process listens at the other end.
        case connectionRefused
        /// The peer is gone: reset, or a write after it closed.
        case disconnected
        /// The operation took longer than the system allows.
        case timedOut
        /// The handle was closed first.
        case cancelled
        /// Out of descriptors, watches or memory.
        case limitExceeded
        case other
    }

    public var code: Code
    /// For a person: what failed, and libuv's reason.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// From a negative libuv status; `operation` is what failed, like "listen on 127.0.0.1:80".
    init(_ status: CInt, _ operation: String) {
        self.init(Self.code(of: status), "cannot \(operation): \(String(cString: uv_strerror(status)))")
    }

    public var description: String { message }

    private static func code(of status: CInt) -> Code {
        switch uv_errno_t(rawValue: numericCast(status)) {
        case UV_EADDRINUSE: .addressInUse
        case UV_EADDRNOTAVAIL, UV_EINVAL, UV_EAFNOSUPPORT: .addressNotAvailable
        case UV_EACCES, UV_EPERM: .permission
        case UV_ENOENT, UV_ENOTDIR, UV_EAI_NONAME, UV_EAI_NODATA: .notFound
        case UV_ECONNREFUSED: .connectionRefused
        case UV_ECONNRESET, UV_EPIPE, UV_EOF, UV_ECONNABORTED, UV_ENOTCONN: .disconnected
        case UV_ETIMEDOUT, UV_EHOSTUNREACH, UV_ENETUNREACH: .timedOut
        case UV_ECANCELED: .cancelled
        case UV_EMFILE, UV_ENFILE, UV_ENOSPC, UV_ENOMEM, UV_ENOBUFS: .limitExceeded
        default: .other
        }
    }
}
