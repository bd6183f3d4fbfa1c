internal import Glibc

/// A file of a known size that is written in pieces, from any thread.
final class OutputFile: Sendable {
    let path: String
    let size: Int
    private let descriptor: Int32

    /// A new file; `unwritable` when there is one of that name.
    init(creating path: String, size: Int) throws(WeightsError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.error("cannot create", path) }
        (self.path, self.size, self.descriptor) = (path, size, descriptor)
    }

    /// A file that is there; links are not followed. Errors: `notFound`, `unwritable`, `malformed` for another size.
    init(reopening path: String, size: Int) throws(WeightsError) {
        let descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            guard errno != ENOENT else { throw WeightsError(.notFound, "no such file; there is nothing to resume", file: path) }
            throw Self.error("cannot open", path)
        }
        (self.path, self.size, self.descriptor) = (path, size, descriptor)
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw WeightsError(.unwritable, "not a regular file", file: path)
        }
        guard Int(status.st_size) == size else {
            throw WeightsError(.malformed, "\(status.st_size) bytes found, expected \(size): another model was written here", file: path)
        }
    }

    deinit { close(descriptor) }

    /// Gives the file its size, and where the file system can, the disk's blocks for all of it. Errors: `noSpace`, `unwritable`.
    func reserve() throws(WeightsError) {
        guard size > 0 else { return }
        var number: Int32
        repeat { number = posix_fallocate(descriptor, 0, off_t(size)) } while number == EINTR
        switch number {
        case 0: return
        // The file system knows no reservations: the file has holes.
        case EOPNOTSUPP, ENOSYS, EINVAL:
            guard ftruncate(descriptor, off_t(size)) == 0 else { throw Self.error("cannot make it \(size) bytes long", path) }
        default: throw Self.error("cannot reserve \(size) bytes", path, number)
        }
    }

    /// Bytes that it takes on the disk.
    func allocatedBytes() -> Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_blocks) * 512 : 0
    }

    /// Writes all of the bytes. Errors: `noSpace`, `unwritable`; they name the file and the bytes.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(WeightsError) {
        precondition(offset >= 0 && offset <= size && bytes.count <= size - offset, "bytes behind the end of \(path) were to be written")
        try Self.write(bytes, at: offset, to: descriptor, path: path)
    }

    static func write(_ bytes: UnsafeRawBufferPointer, at offset: Int, to descriptor: Int32, path: String) throws(WeightsError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw error("cannot write \(rest.count) bytes at byte \(offset + done)", path) }
            done += count
        }
    }

    /// Whether the file begins with these bytes. Errors: `unreadable`.
    func begins(with head: [UInt8]) throws(WeightsError) -> Bool {
        var found = [UInt8](repeating: 0, count: min(head.count, 1 << 20))
        var done = 0
        while done < head.count {
            let count = found.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, min($0.count, head.count - done), off_t(done)) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw WeightsError(.unreadable, "cannot read its header: \(String(cString: strerror(errno)))", file: path) }
            guard found[..<count] == head[done..<done + count] else { return false }
            done += count
        }
        return true
    }

    /// Returns when all that was written is on the disk.
    func synchronize() throws(WeightsError) {
        guard fsync(descriptor) == 0 else { throw Self.error("cannot flush", path) }
    }

    private static func error(_ what: String, _ path: String, _ number: Int32 = errno) -> WeightsError {
        let isFull = number == ENOSPC || number == EDQUOT
        return WeightsError(isFull ? .noSpace : .unwritable, "\(what): \(String(cString: strerror(number)))", file: path)
    }
}
