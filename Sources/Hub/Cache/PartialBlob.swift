internal import Files
internal import Glibc

/// A content that is being fetched, under a name of its own, with the hash of what is there so far. The caller holds its lock.
final class PartialBlob {
    /// Bytes that are there.
    private(set) var count = 0
    let file: HubFile
    private let path: String
    private let descriptor: Int32
    private let hash: ContentHash

    static func path(of blob: String) -> String { "\(blob).incomplete" }

    /// Goes on with what an earlier run left: its bytes are read once for the hash. Errors: `io`, `interrupted`.
    init(_ file: HubFile, blob: String, isInterrupted: () -> Bool) throws(HubError) {
        self.file = file
        path = Self.path(of: blob)
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw HubError.system(path, "cannot create") }
        hash = ContentHash(like: file.hash, size: file.size)
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw HubError(.io, "not a regular file; delete it", place: path)
        }
        let left = Int(status.st_size)
        if left > file.size {
            try restart()
        } else {
            try PartialBlob.read(descriptor, count: left, path, isInterrupted: isInterrupted) { hash.add($0) }
            count = left
        }
    }

    deinit { close(descriptor) }

    var isWhole: Bool { count == file.size }

    /// Errors: `malformed` for more bytes than the file has, `io`, `noSpace`.
    func append(_ bytes: UnsafeRawBufferPointer) throws(HubError) {
        guard bytes.count <= file.size - count else {
            throw HubError(.malformed, "the server sends more than the \(file.size) bytes that the file has", place: file.name)
        }
        var done = 0
        while done < bytes.count {
            let written = pwrite(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, count + done)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw HubError.system(path, "cannot write") }
            done += written
        }
        hash.add(bytes)
        count += bytes.count
    }

    /// Forgets all bytes. Errors: `io`.
    func restart() throws(HubError) {
        guard ftruncate(descriptor, 0) == 0 else { throw HubError.system(path, "cannot truncate") }
        hash.restart()
        count = 0
    }

    /// Gives the content its name. False when its hash is another: its bytes are forgotten then. Errors: `io`, `noSpace`.
    func finish(as blob: String) throws(HubError) -> Bool {
        precondition(isWhole, "a content that is not whole got a name")
        guard hash.finish() == file.hash else {
            try restart()
            return false
        }
        guard fsync(descriptor) == 0 else { throw HubError.system(path, "cannot flush") }
        guard rename(path, blob) == 0 else { throw HubError.system(path, "cannot rename") }
        try HubCache.flush(parentOf: blob)
        return true
    }

    /// Whether a content that has its name has its hash, too. Cost: reads the file. Errors: `io`, `interrupted`.
    static func isRight(_ file: HubFile, blob: String, isInterrupted: () -> Bool) throws(HubError) -> Bool {
        let opened = try HubError.converting { () throws(FileError) in try RegularFile(blob) }
        guard opened.size == file.size else { return false }
        let hash = ContentHash(like: file.hash, size: file.size)
        try read(opened.descriptor, count: opened.size, blob, isInterrupted: isInterrupted) { hash.add($0) }
        return hash.finish() == file.hash
    }

    private static func read(
        _ descriptor: Int32, count: Int, _ path: String, isInterrupted: () -> Bool, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(HubError) {
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: min(max(count, 1), 1 << 20), alignment: 16)
        defer { piece.deallocate() }
        var done = 0
        while done < count {
            guard !isInterrupted() else { throw HubError(.interrupted, "interrupted") }
            let got = pread(descriptor, piece.baseAddress, min(piece.count, count - done), done)
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { throw HubError.system(path, "cannot read") }
            body(UnsafeRawBufferPointer(rebasing: piece[..<got]))
            done += got
        }
    }
}
