internal import Glibc

/// One regular file, open for reading. What is not regular (a pipe, a device, a folder) is refused, and opening it never waits.
///
/// It is read with `pread` into the process's own memory, so another process may truncate or replace the file meanwhile: the result
/// is then an error or a file of another length, never a fault.
public final class RegularFile: Sendable {
    /// What to do with a symbolic link.
    public enum Links: Sendable {
        case follow
        /// Refuse it with `unsafePath`.
        case refuse
    }

    /// As the caller gave it; for messages.
    public let path: String
    /// As it was when the file was opened.
    public let stamp: FileStamp
    public let descriptor: Int32

    /// Errors: `notFound`, `danglingLink`, `notRegular`, `unsafePath`, `tooManyDescriptors`, `unreadable`.
    public convenience init(_ path: String, links: Links = .follow) throws(FileError) {
        try PathCheck.noNUL(path)
        try self.init(path, relativeTo: AT_FDCWD, shown: path, links: links)
    }

    init(_ path: String, relativeTo parent: Int32, shown: String, links: Links) throws(FileError) {
        let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (links == .refuse ? O_NOFOLLOW : 0)
        var descriptor: Int32
        repeat { descriptor = openat(parent, path, flags) } while descriptor < 0 && errno == EINTR
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT, ENOTDIR: throw FileError.absent(path, relativeTo: parent, shown: shown)
            case ELOOP where links == .refuse: throw FileError(.unsafePath, shown, "a symbolic link")
            // A socket.
            case ENXIO: throw FileError(.notRegular, shown, "not a regular file")
            default: throw FileError(shown, "cannot open", errno: errno)
            }
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw FileError(.notRegular, shown, "not a regular file")
        }
        self.path = shown
        self.descriptor = descriptor
        stamp = FileStamp(status)
    }

    deinit { close(descriptor) }

    /// Bytes, when the file was opened.
    public var size: Int { stamp.size }

    /// Where the file lies, without links.
    public var realPath: String? { PathCheck.resolved(descriptor: descriptor) }

    /// The whole file. Errors: `limitExceeded` before anything is read when it is known to be larger, `unreadable`.
    public func contents(limitBytes: Int) throws(FileError) -> [UInt8] {
        guard size <= limitBytes else {
            throw FileError(.limitExceeded, path, "\(size) bytes; at most \(limitBytes) are read")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        var chunk = [UInt8](repeating: 0, count: min(max(size + 1, 4 << 10), 256 << 10))
        while true {
            let count = chunk.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, bytes.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw FileError(path, "cannot read", errno: errno) }
            guard count > 0 else { return bytes }
            guard bytes.count + count <= limitBytes else {
                throw FileError(.limitExceeded, path, "more than \(limitBytes) bytes; no more are read")
            }
            bytes += chunk[..<count]
        }
    }

    /// The whole file as UTF-8, without a byte order mark. Errors: those of `contents`, `notText`.
    public func text(limitBytes: Int) throws(FileError) -> String {
        let bytes = try contents(limitBytes: limitBytes)
        guard let text = String(validating: ByteOrderMark.skipped(bytes), as: UTF8.self) else {
            throw FileError(.notText, path, "not UTF-8 text")
        }
        return text
    }

    /// Fills the buffer from `offset` on. Errors: `changed` when the file ends before, `unreadable`.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = pread(descriptor, rest.baseAddress, rest.count, offset + done)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw FileError(path, "cannot read", errno: errno) }
            guard count > 0 else { throw FileError(.changed, path, "the file became shorter while it was read") }
            done += count
        }
    }

    /// Throws `changed` when the file is not what it was when it was opened.
    public func checkUnchanged() throws(FileError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, FileStamp(status) == stamp else {
            throw FileError(.changed, path, "the file changed while it was read")
        }
    }

    // In one call:

    /// The bytes of a small file.
    public static func contents(_ path: String, limitBytes: Int, links: Links = .follow) throws(FileError) -> [UInt8] {
        try RegularFile(path, links: links).contents(limitBytes: limitBytes)
    }

    /// A small text file, without a byte order mark.
    public static func text(_ path: String, limitBytes: Int, links: Links = .follow) throws(FileError) -> String {
        try RegularFile(path, links: links).text(limitBytes: limitBytes)
    }
}

extension FileError {
    /// For a path that the system does not find: `danglingLink` when it is a symbolic link, else `notFound`.
    static func absent(_ path: String, relativeTo parent: Int32, shown: String) -> FileError {
        var status = stat()
        guard fstatat(parent, path, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFLNK else {
            return FileError(.notFound, shown, "no such file or folder")
        }
        return FileError(.danglingLink, shown, "a link to what does not exist")
    }
}
