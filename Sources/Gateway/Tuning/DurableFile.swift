internal import Files
internal import Glibc

/// Files that only the service reads: written whole under another name and renamed, or appended to.
enum DurableFile {
    /// Replaces a file. A reader finds the old one or the new one, also after a power cut. Errors: that of the system.
    static func write(_ bytes: some Sequence<UInt8>, to path: String) throws(FileError) {
        let partial = "\(path).partial"
        do throws(FileError) {
            try create(partial, bytes)
        } catch {
            // The first error is the one to report.
            unlink(partial)
            throw error
        }
        guard rename(partial, path) == 0 else { throw FileError(path, "cannot rename", errno: errno, otherwise: .unwritable) }
        try flushFolder(of: path)
    }

    private static func create(_ path: String, _ bytes: some Sequence<UInt8>) throws(FileError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw FileError(path, "cannot create", errno: errno, otherwise: .unwritable) }
        defer { close(descriptor) }
        if let error = write(bytes, to: descriptor, path) { throw error }
        guard fsync(descriptor) == 0 else { throw FileError(path, "cannot flush", errno: errno, otherwise: .unwritable) }
    }

    /// Appends lines. They begin a new one, as the end of the file may have been cut off. Errors: that of the system.
    static func append(_ lines: [UInt8], to path: String) throws(FileError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw FileError(path, "cannot open", errno: errno, otherwise: .unwritable) }
        defer { close(descriptor) }
        var last: UInt8 = 0x0A
        let end = lseek(descriptor, 0, SEEK_END)
        if end > 0, pread(descriptor, &last, 1, end - 1) != 1 { throw FileError(path, "cannot read", errno: errno) }
        if let error = write(last == 0x0A ? lines : [0x0A] + lines, to: descriptor, path) { throw error }
    }

    private static func write(_ bytes: some Sequence<UInt8>, to descriptor: Int32, _ path: String) -> FileError? {
        bytes.withContiguousStorageIfAvailable { writeAll(UnsafeRawBufferPointer($0), to: descriptor, path) }
            ?? Array(bytes).withUnsafeBytes { writeAll($0, to: descriptor, path) }
    }

    private static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String) -> FileError? {
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return FileError(path, "cannot write", errno: errno, otherwise: .unwritable) }
            done += count
        }
        return nil
    }

    private static func flushFolder(of path: String) throws(FileError) {
        let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let folder = try Folder(parent)
        guard fsync(folder.descriptor) == 0 else { throw FileError(parent, "cannot flush", errno: errno, otherwise: .unwritable) }
    }

    /// At most `count` bytes from an offset on; fewer at the end.
    static func piece(of path: String, from offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let file = try RegularFile(path, links: .refuse)
        var bytes = [UInt8](repeating: 0, count: max(0, min(count, file.size - offset)))
        var done = 0
        while done < bytes.count {
            let read = bytes.withUnsafeMutableBytes { pread(file.descriptor, $0.baseAddress?.advanced(by: done), $0.count - done, offset + done) }
            if read < 0, errno == EINTR { continue }
            guard read >= 0 else { throw FileError(path, "cannot read", errno: errno) }
            if read == 0 { break }
            done += read
        }
        return Array(bytes.prefix(done))
    }
}

extension FileError {
    /// The disk has no room, or the user's share of it is used up.
    var isFull: Bool { errno == ENOSPC || errno == EDQUOT }
}
