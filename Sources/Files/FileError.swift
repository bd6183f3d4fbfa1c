internal import Glibc

/// Why a file or a folder could not be read or made.
public struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// Nothing has this path.
        case notFound
        /// A symbolic link has this path, and what it points to does not exist.
        case danglingLink
        /// A folder was expected.
        case notAFolder
        /// A regular file was expected; found a folder, a pipe, a socket or a device.
        case notRegular
        /// A path or a link that leaves the folder it belongs to, a link where none is followed, or a NUL in a path.
        case unsafePath
        /// More bytes or more entries than the limit.
        case limitExceeded
        /// Not UTF-8.
        case notText
        /// The file changed while it was read.
        case changed
        /// The process or the system has no file descriptor left.
        case tooManyDescriptors
        /// The system refused for another reason (permissions, a failing disk): see `errno`.
        case unreadable
        /// The system refused to create or to write.
        case unwritable
    }

    public var code: Code
    /// As the caller gave it.
    public var path: String
    /// For a person, without the path.
    public var message: String
    /// What the system said, where it was the system that refused.
    public var errno: Int32?

    public init(_ code: Code, _ path: String, _ message: String) {
        self.code = code
        self.path = path
        self.message = message
    }

    /// From an `errno`; `action` says what failed (`cannot open`).
    public init(_ path: String, _ action: String, errno number: Int32, otherwise: Code = .unreadable) {
        self.path = path
        errno = number
        let reason = String(cString: strerror(number))
        switch number {
        case ENOENT:
            code = .notFound
            message = "\(action): \(reason)"
        case EMFILE, ENFILE:
            code = .tooManyDescriptors
            message = "\(action): \(reason); raise the limit of open files (ulimit -n)"
        default:
            code = otherwise
            message = "\(action): \(reason)"
        }
    }

    public var description: String { "\(path): \(message)" }
}
