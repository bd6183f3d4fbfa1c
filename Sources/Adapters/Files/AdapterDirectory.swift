internal import Glibc

/// The folder of one adapter, held open, so that a folder that is renamed while it is read stays the same folder.
///
/// Nothing outside the folder is read: files are opened by plain names, and a link is followed only when what it leads to
/// lies inside. `@unchecked Sendable`: an immutable descriptor and path, closed once in `deinit`.
final class AdapterDirectory: @unchecked Sendable {
    /// For messages and for people.
    let path: String
    let descriptor: Int32
    /// Without links.
    private let realPath: String

    /// The folder of the adapter `name` below `root`, by the rules of `AdapterPlaces`; it may be a link to another folder below
    /// `root`.
    static func open(_ name: String, in root: String) throws(AdapterError) -> AdapterDirectory {
        try AdapterName.check(name)
        let parent = try AdapterDirectory(path: root)
        let directory = try AdapterDirectory(AdapterPlaces(parent).place(of: name) ?? name, below: parent)
        guard directory.realPath.hasPrefix(parent.realPath == "/" ? "/" : parent.realPath + "/") else {
            throw AdapterError(
                .unsafePath, "the folder is a link that leaves the adapters' folder; copy what it points to instead",
                adapter: name)
        }
        return directory
    }

    /// A folder inside another, by its path there; links are followed wherever they lead.
    convenience init(_ path: String, below root: AdapterDirectory) throws(AdapterError) {
        try self.init(path: path, relativeTo: root.descriptor, shown: "\(root.path)/\(path)")
    }

    /// Any folder.
    convenience init(path: String) throws(AdapterError) {
        try self.init(path: path, relativeTo: AT_FDCWD, shown: path)
    }

    private init(path: String, relativeTo parent: Int32, shown: String) throws(AdapterError) {
        let descriptor = openat(parent, path, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NONBLOCK)
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT: throw AdapterError(.notFound, "\(shown): no such folder")
            case ENOTDIR: throw AdapterError(.notFound, "\(shown): not a folder")
            default: throw AdapterError(.io, "\(shown): cannot open: \(String(cString: strerror(errno)))")
            }
        }
        guard let realPath = Self.realPath(of: descriptor) else {
            close(descriptor)
            throw AdapterError(.io, "\(shown): cannot tell where it lies")
        }
        self.path = shown
        self.descriptor = descriptor
        self.realPath = realPath
    }

    deinit { close(descriptor) }

    /// Names in the folder, `.` and `..` left out, in no order; at most `limit`.
    func names(limit: Int) throws(AdapterError) -> [String] {
        // A descriptor of its own: reading moves a position that copies share.
        let copy = openat(descriptor, ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        guard copy >= 0, let stream = fdopendir(copy) else {
            throw AdapterError(.io, "\(path): cannot list: \(String(cString: strerror(errno)))")
        }
        defer { closedir(stream) }
        var names: [String] = []
        while names.count < limit, let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Links followed; nil when there is no such file.
    func status(_ name: String) -> stat? {
        var status = stat()
        return fstatat(descriptor, name, &status, 0) == 0 ? status : nil
    }

    /// Whether files of an adapter are here, all or some of them.
    var hasAdapterFiles: Bool {
        let files = [AdapterFile.configuration, AdapterFile.weights, AdapterFile.weightsIndex] + AdapterFile.pickles
        return files.contains { status($0) != nil } || ((try? names(limit: 1_000)) ?? []).contains(where: AdapterFile.isGGUF)
    }

    func fingerprint() -> FolderFingerprint {
        var fingerprint = FolderFingerprint()
        for name in AdapterFile.decisive {
            if let status = status(name) { fingerprint.stamps[name] = FileStamp(status) }
        }
        for name in (try? names(limit: 1_000)) ?? [] where AdapterFile.isGGUF(name) {
            if let status = status(name) { fingerprint.stamps[name] = FileStamp(status) }
        }
        return fingerprint
    }

    /// Opens a file of the folder for reading; nil when there is none. Errors: `unsafePath` for a link that leaves the
    /// folder and for what is no regular file, `io`.
    func open(_ name: String) throws(AdapterError) -> AdapterFile? {
        var file = openat(descriptor, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        let isLink = file < 0 && errno == ELOOP
        if isLink { file = openat(descriptor, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        guard file >= 0 else {
            if errno == ENOENT && !isLink { return nil }
            throw AdapterError(.io, "cannot open: \(String(cString: strerror(errno)))", file: name)
        }
        if isLink && Self.realPath(of: file)?.hasPrefix(realPath + "/") != true {
            close(file)
            throw AdapterError(.unsafePath, "a link that leaves the folder; copy the file itself (cp -rL)", file: name)
        }
        return try AdapterFile(name: name, descriptor: file)
    }

    private static func realPath(of descriptor: Int32) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { text in
                text.baseAddress.map { readlink("/proc/self/fd/\(descriptor)", $0, text.count) } ?? -1
            }
        }
        guard count > 0, count < buffer.count else { return nil }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}
