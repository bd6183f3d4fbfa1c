internal import Files
internal import Glibc

/// Files of adapters that clients upload piece by piece: `.upload-NAME` in the adapters folder, until `AdapterStore.publish` renames it.
///
/// What has come is what lies there, so an upload goes on after a broken connection and after a restart. A file that is not whole has a
/// hidden name. One call at a time.
public struct AdapterUploads: Sendable {
    private static let prefix = ".upload-"
    private static let unfinished = ".part-"

    let folder: String
    let limits: AdapterLimits

    /// Where the files of an adapter lie.
    func place(of adapter: String) -> String { "\(folder)/\(Self.prefix)\(adapter)" }

    /// Writes a piece of a file. It may begin anywhere in what has come, and replaces all from there on: a piece whose answer was lost is
    /// sent again, and one that begins at 0 begins the file again. The last piece flushes the file to the disk.
    /// Returns how many bytes of the file have come. Errors name the file: `invalidName`, `pickle` and `unsupported` for a name that no
    /// file of an adapter has, `limitExceeded`, `malformed` for a piece with a gap before it, `io`.
    public func receive(
        _ bytes: [UInt8], at first: Int, of total: Int, file: String, adapter: String
    ) throws(AdapterError) -> Int {
        try AdapterName.check(adapter)
        do throws(AdapterError) {
            try UploadedFileName.check(file)
            try checkRoom(for: total, file, adapter)
            let place = place(of: adapter)
            let (whole, part) = ("\(place)/\(file)", "\(place)/\(Self.unfinished)\(file)")
            guard mkdir(place, 0o755) == 0 || errno == EEXIST else { throw AdapterError.system("cannot create the upload's folder", file: file) }
            // A whole file whose last piece comes again.
            if rename(whole, part) != 0, errno != ENOENT { throw AdapterError.system("cannot rename", file: file) }
            try write(bytes, at: first, to: part, file, flushes: first + bytes.count == total)
            guard first + bytes.count == total else { return first + bytes.count }
            guard rename(part, whole) == 0 else { throw AdapterError.system("cannot rename", file: file) }
            return total
        } catch {
            throw error.of(adapter)
        }
    }

    private func write(_ bytes: [UInt8], at first: Int, to path: String, _ file: String, flushes: Bool) throws(AdapterError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw AdapterError.system("cannot create", file: file) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw AdapterError.system("cannot look at", file: file) }
        guard first <= Int(status.st_size) else {
            throw AdapterError(
                .malformed, "the piece begins at byte \(first), and \(status.st_size) bytes have come; expected what follows them", file: file)
        }
        guard ftruncate(descriptor, off_t(first)) == 0 else { throw AdapterError.system("cannot shorten", file: file) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                bytes.baseAddress.map { pwrite(descriptor, $0 + written, bytes.count - written, off_t(first + written)) } ?? -1
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw AdapterError.system("cannot write", file: file) }
            written += count
        }
        guard !flushes || fsync(descriptor) == 0 else { throw AdapterError.system("cannot flush", file: file) }
    }

    /// Of all uploads that are not published, whatever their adapter.
    private func checkRoom(for total: Int, _ file: String, _ adapter: String) throws(AdapterError) {
        let staged = try staged()
        let own = staged[adapter]?.files ?? [:]
        if staged[adapter] == nil, staged.count >= limits.uploads {
            throw AdapterError(.limitExceeded, "\(staged.count) uploads are not published yet; at most \(limits.uploads)", file: file)
        }
        if own[file] == nil, own.count >= limits.uploadedFiles {
            throw AdapterError(.limitExceeded, "an upload has at most \(limits.uploadedFiles) files", file: file)
        }
        let others = staged.values.reduce(0) { $0 + $1.files.values.reduce(0, +) } - (own[file] ?? 0)
        guard total <= limits.uploadedBytes - others else {
            throw AdapterError(
                .limitExceeded,
                "it has \(total) bytes, and other uploaded files that are not published have \(others); expected at most "
                    + "\(limits.uploadedBytes) in all (upload-limit)", file: file)
        }
    }

    /// Errors: `notFound` when nothing has been uploaded, `notReady` naming a file that is not whole.
    func checkWhole(_ adapter: String) throws(AdapterError) {
        guard let upload = try staged()[adapter] else { throw AdapterError(.notFound, "nothing has been uploaded for it") }
        if let file = upload.unfinished.min() {
            throw AdapterError(.notReady, "only its first \(upload.files[file] ?? 0) bytes have been uploaded; send the rest", file: file)
        }
    }

    /// Deletes what has been uploaded for an adapter and is not published. Nothing there: done.
    public func discard(_ adapter: String) throws(AdapterError) {
        try AdapterName.check(adapter)
        try FolderCopy.delete(place(of: adapter))
    }

    /// Deletes uploads that have got no byte for `AdapterLimits.uploadSeconds`. Returns their adapters.
    public func sweep() throws(AdapterError) -> [String] {
        let now = FileStamp.now()
        let (age, overflow) = Int64(limits.uploadSeconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return [] }
        let old = try staged().filter { now &- $0.value.changedNanoseconds >= age }.map(\.key).sorted()
        for adapter in old { try discard(adapter) }
        return old
    }

    // MARK: What lies there

    private struct Upload {
        /// Bytes by file; a file that is not whole has its own name here.
        var files: [String: Int] = [:]
        var unfinished: Set<String> = []
        /// When a file last changed.
        var changedNanoseconds: Int64
    }

    /// By adapter. Cost: one `stat` a file.
    private func staged() throws(AdapterError) -> [String: Upload] {
        let root = try AdapterDirectory.openRoot(folder)
        var uploads: [String: Upload] = [:]
        for name in try root.names(limit: .max) where name.hasPrefix(Self.prefix) {
            let directory = try AdapterDirectory(path: "\(folder)/\(name)")
            var upload = Upload(changedNanoseconds: try directory.status(".")?.stamp.changedNanoseconds ?? 0)
            for entry in try directory.names() {
                guard let stamp = try directory.status(entry)?.stamp else { continue }
                let file = entry.hasPrefix(Self.unfinished) ? String(entry.dropFirst(Self.unfinished.count)) : entry
                if file != entry { upload.unfinished.insert(file) }
                upload.files[file] = stamp.size
                upload.changedNanoseconds = max(upload.changedNanoseconds, stamp.changedNanoseconds)
            }
            uploads[String(name.dropFirst(Self.prefix.count))] = upload
        }
        return uploads
    }
}
