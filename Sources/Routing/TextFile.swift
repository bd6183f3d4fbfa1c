import Glibc

/// Small text files, read whole within a limit; a missing file is nil, not an error.
enum TextFile {
    static func read(_ path: String, limitBytes: Int) throws(RoutingError) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw RoutingError(.unreadableFile, String(cString: strerror(errno)), place: path)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw RoutingError(.unreadableFile, "not a regular file", place: path)
        }
        guard status.st_size <= limitBytes else {
            throw RoutingError(
                .limitExceeded, "\(status.st_size) bytes; at most \(limitBytes) are read", place: path)
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= limitBytes {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else {
                throw RoutingError(.unreadableFile, String(cString: strerror(errno)), place: path)
            }
            if count == 0 { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw RoutingError(.malformedFile, "not UTF-8 text", place: path)
        }
        return text
    }
}
