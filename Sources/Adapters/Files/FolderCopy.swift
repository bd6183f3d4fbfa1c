internal import Glibc

/// Creates and deletes whole folders: another process sees a folder with all its files, or none.
package enum FolderCopy {
    /// Copies the regular files of `source` into a new folder `target` and flushes them to the disk; of its subfolders only that of
    /// further chat templates.
    /// A `target` that is left from a copy that never ended is replaced. Errors: `io`, `unsafePath`, `limitExceeded`.
    /// - Parameter isWanted: told a file's name
    static func copy(
        _ source: AdapterDirectory, to target: String, limits: AdapterLimits, where isWanted: (String) -> Bool = { _ in true }
    ) throws(AdapterError) {
        try make(target)
        var names = try source.names(limit: limits.copiedFiles + 1)
        if try source.status(AdapterFile.namedTemplates)?.kind == .folder {
            let templates = try AdapterDirectory(AdapterFile.namedTemplates, below: source)
            names += try templates.names(limit: limits.copiedFiles + 1).map { "\(AdapterFile.namedTemplates)/\($0)" }
            guard mkdir("\(target)/\(AdapterFile.namedTemplates)", 0o755) == 0 else { throw failure("cannot create", file: AdapterFile.namedTemplates) }
        }
        guard names.count <= limits.copiedFiles else {
            throw AdapterError(.limitExceeded, "more than \(limits.copiedFiles) files")
        }
        var rest = limits.copiedBytes
        for name in names where isWanted(name) {
            guard try source.status(name)?.kind == .file, let file = try source.open(name) else { continue }
            guard file.size <= rest else {
                throw AdapterError(.limitExceeded, "more than \(limits.copiedBytes) bytes in all", file: name)
            }
            rest -= file.size
            try copy(file, to: "\(target)/\(name)")
        }
        try flushFolder(target)
    }

    /// An empty folder; what is left of one by that name is deleted.
    package static func make(_ folder: String) throws(AdapterError) {
        try delete(folder)
        guard mkdir(folder, 0o755) == 0 else { throw failure("cannot create \(folder)") }
    }

    /// A file with these bytes, in place of one that may be there, flushed to the disk.
    package static func write(_ bytes: [UInt8], to path: String) throws(AdapterError) {
        try delete(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("cannot create \(path)") }
        defer { close(descriptor) }
        try write(bytes, to: descriptor, path)
        guard fsync(descriptor) == 0 else { throw failure("cannot flush \(path)") }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(AdapterError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                bytes.baseAddress.map { Glibc.write(descriptor, $0 + written, bytes.count - written) } ?? -1
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure("cannot write", file: path) }
            written += count
        }
    }

    private static func copy(_ file: AdapterFile, to path: String) throws(AdapterError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("cannot create", file: file.name) }
        defer { close(descriptor) }
        var offset = 0
        while offset < file.size {
            var chunk = [UInt8](repeating: 0, count: min(file.size - offset, 1 << 20))
            try chunk.withUnsafeMutableBytes { bytes in
                Result { () throws(AdapterError) in try file.read(into: bytes, at: offset) }
            }.get()
            try write(chunk, to: descriptor, file.name)
            offset += chunk.count
        }
        try file.checkUnchanged()
        guard fsync(descriptor) == 0 else { throw failure("cannot flush", file: file.name) }
    }

    /// Renames a folder; `target` must not be there, or be an empty folder.
    package static func move(_ source: String, to target: String) throws(AdapterError) {
        guard rename(source, target) == 0 else {
            if errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR {
                throw AdapterError(.exists, "\(target) is there already; remove it first")
            }
            throw failure("cannot rename \(source) to \(target)")
        }
        if let end = target.lastIndex(of: "/") { try flushFolder(String(target[..<end])) }
    }

    /// Exchanges the names of two folders in one step, so that a reader always finds one of them. False where the system or the file
    /// system cannot; nothing has changed then. Errors: `io`.
    package static func exchange(_ one: String, _ other: String) throws(AdapterError) -> Bool {
        typealias Rename = @convention(c) (CInt, UnsafePointer<CChar>, CInt, UnsafePointer<CChar>, CUnsignedInt) -> CInt
        // Not in the headers that Swift reads.
        guard let symbol = dlsym(nil, "renameat2") else { return false }
        let rename = unsafeBitCast(symbol, to: Rename.self)
        // RENAME_EXCHANGE
        guard rename(AT_FDCWD, one, AT_FDCWD, other, 1 << 1) == 0 else {
            if errno == EINVAL || errno == ENOSYS || errno == ENOTSUP { return false }
            throw failure("cannot exchange \(one) and \(other)")
        }
        if let end = other.lastIndex(of: "/") { try flushFolder(String(other[..<end])) }
        return true
    }

    /// Deletes a file, a link (not what it leads to) or a folder with all that is in it. Not there: done.
    package static func delete(_ path: String) throws(AdapterError) {
        if unlink(path) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else { throw failure("cannot delete \(path)") }
        for name in try AdapterDirectory(path: path).names(limit: .max) { try delete("\(path)/\(name)") }
        guard rmdir(path) == 0 else { throw failure("cannot delete \(path)") }
    }

    /// Makes names that were created in a folder, or deleted, last.
    package static func flushFolder(_ path: String) throws(AdapterError) {
        let directory = try AdapterDirectory(path: path.isEmpty ? "/" : path)
        guard fsync(directory.descriptor) == 0 else { throw failure("cannot flush \(path)") }
    }

    private static func failure(_ what: String, file: String? = nil) -> AdapterError {
        AdapterError.system(what, file: file)
    }
}
