import Glibc

/// Small text files, read whole within a limit; a missing file is nil, not an error.
enum TextFile {
    /// - Parameter folder: when given, the file must really lie in it: a link that leads out is refused. What a
    ///   stranger's folder says ends up in explanations, so it must not be able to say what other files hold.
    static func read(_ path: String, within folder: String? = nil, limitBytes: Int) throws(RoutingError) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw RoutingError(.unreadableFile, String(cString: strerror(errno)), place: path)
        }
        defer { close(descriptor) }
        if let folder, !isInside(descriptor, path: path, folder: folder) {
            throw RoutingError(.unreadableFile, "a link that leads out of the adapter's folder", place: path)
        }
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

    /// Compares where the open file is, not where the name led a moment ago; the name only where there is no `/proc`.
    private static func isInside(_ descriptor: Int32, path: String, folder: String) -> Bool {
        guard let root = resolved(folder) else { return false }
        guard let file = resolved("/proc/self/fd/\(descriptor)") ?? resolved(path) else { return false }
        return file.hasPrefix(root.hasSuffix("/") ? root : "\(root)/")
    }

    private static func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
