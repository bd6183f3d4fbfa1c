internal import Glibc

/// The system's calls on files, with errors that say what failed and where.
enum DiskFile {
    /// `full` when the disk has no room or the user's share is used up, else `unavailable`.
    static func failure(_ path: String, _ action: String, _ number: Int32 = errno) -> MemoryError {
        let reason = String(cString: strerror(number))
        guard [ENOSPC, EDQUOT, EFBIG].contains(number) else { return MemoryError(.unavailable, "\(action): \(reason)", place: path) }
        return MemoryError(.full, "\(action): \(reason); nothing was stored: make room and try again", place: path)
    }

    static func open(_ path: String, _ flags: Int32) throws(MemoryError) -> Int32 {
        var descriptor: Int32
        repeat { descriptor = Glibc.open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600) } while descriptor < 0 && errno == EINTR
        guard descriptor >= 0 else {
            let number = errno
            guard number != ENOENT else { throw MemoryError(.notFound, "no such file", place: path) }
            throw failure(path, flags & O_CREAT != 0 ? "cannot create" : "cannot open", number)
        }
        return descriptor
    }

    /// Bytes of the file, as it is now.
    static func size(_ descriptor: Int32, _ path: String) throws(MemoryError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(path, "cannot read the size") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw MemoryError(.malformed, "not a regular file", place: path) }
        return Int(status.st_size)
    }

    /// Errors: `malformed` when the file ends before, `unavailable`.
    static func read(_ descriptor: Int32, _ path: String, into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(MemoryError) {
        var done = 0
        while done < buffer.count {
            let count = pread(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, offset + done)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path, "cannot read at byte \(offset + done)") }
            guard count > 0 else { throw .damaged(path, at: offset + done, "the file ends inside a record") }
            done += count
        }
    }

    static func read(_ descriptor: Int32, _ path: String, _ range: Range<Int>) throws(MemoryError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        var failure: MemoryError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(MemoryError) { try read(descriptor, path, into: buffer, at: range.lowerBound) } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    static func write(_ descriptor: Int32, _ path: String, _ bytes: [UInt8], at offset: Int) throws(MemoryError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress.map { $0 + done }, $0.count - done, offset + done) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure(path, "cannot write", count == 0 ? ENOSPC : errno) }
            done += count
        }
    }

    /// Data, and what is needed to find them again, are on the disk.
    static func flush(_ descriptor: Int32, _ path: String) throws(MemoryError) {
        guard fdatasync(descriptor) == 0 else { throw failure(path, "cannot flush") }
    }

    static func truncate(_ descriptor: Int32, _ path: String, to bytes: Int) throws(MemoryError) {
        guard ftruncate(descriptor, bytes) == 0 else { throw failure(path, "cannot cut the file to \(bytes) bytes") }
    }

    /// Names that were given, changed or removed in the folder are on the disk.
    static func flushFolder(_ path: String) throws(MemoryError) {
        let descriptor = try open(path, O_RDONLY | O_DIRECTORY)
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(path, "cannot flush the folder") }
    }

    /// Replaces a file: after a crash there is the old one or the new one. It is certain to be the new one when the folder is flushed, too.
    static func replace(_ folder: String, _ name: String, with bytes: [UInt8]) throws(MemoryError) {
        let (path, partial) = ("\(folder)/\(name)", "\(folder)/\(name).partial")
        let descriptor = try open(partial, O_WRONLY | O_CREAT | O_TRUNC)
        do throws(MemoryError) {
            defer { close(descriptor) }
            try write(descriptor, partial, bytes, at: 0)
            try flush(descriptor, partial)
            guard rename(partial, path) == 0 else { throw failure(path, "cannot put in place") }
        } catch {
            // The first error is the one to report.
            unlink(partial)
            throw error
        }
    }
}
