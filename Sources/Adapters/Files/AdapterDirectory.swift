internal import Glibc

/// The folder of one adapter, held open, so that a folder that is renamed while it is read stays the same folder.
///
/// Nothing outside the folder is read: files are opened by plain names, and a link is followed only when what it leads to
/// lies inside. `@unchecked Sendable`: an immutable descriptor and path, closed once in `deinit`.
final class AdapterDirectory: @unchecked Sendable {
    /// Files of one folder that are looked at.
    static let mostNames = 1_000

    /// For messages and for people.
    let path: String
    let descriptor: Int32
    /// Without links.
    private let realPath: String

    /// The folder of the adapter `name` below `root`, by the rules of `AdapterPlaces`; it may be a link to another folder below
    /// `root`. Errors: `notFound` when the root was read and has no such folder, `unavailable` when the root itself cannot be
    /// read, `notReady`, `unsafePath`, `io`.
    static func open(_ name: String, in root: String) throws(AdapterError) -> AdapterDirectory {
        try AdapterName.check(name)
        let parent = try openRoot(root)
        let place = try AdapterPlaces(parent).place(of: name) ?? name
        let directory: AdapterDirectory
        do throws(AdapterError) {
            directory = try AdapterDirectory(place, below: parent)
        } catch {
            guard error.code == .notFound, try parent.isDanglingLink(place) else { throw error }
            throw AdapterError(.notReady, "the folder is a link whose target is not there", adapter: name)
        }
        guard directory.realPath.hasPrefix(parent.realPath == "/" ? "/" : parent.realPath + "/") else {
            throw AdapterError(
                .unsafePath, "the folder is a link that leaves the adapters' folder; copy what it points to instead",
                adapter: name)
        }
        return directory
    }

    /// The folder of all adapters. Errors: `unavailable`, whatever the reason: it says nothing about any adapter.
    private static func openRoot(_ path: String) throws(AdapterError) -> AdapterDirectory {
        do throws(AdapterError) {
            return try AdapterDirectory(path: path)
        } catch {
            throw AdapterError(.unavailable, "the adapters folder cannot be read: \(error.message)")
        }
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
            case ENAMETOOLONG: throw AdapterError(.notFound, "the name is too long for a folder")
            case ELOOP: throw AdapterError(.unsafePath, "\(shown): a link that leads back to itself")
            default: throw AdapterError.system("\(shown): cannot open")
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

    /// Names in the folder, `.` and `..` left out, in no order; at most `limit`. Errors: `io`, `unavailable`; a folder that
    /// cannot be listed never looks empty.
    func names(limit: Int = mostNames) throws(AdapterError) -> [String] {
        // A descriptor of its own: reading moves a position that copies share.
        let copy = openat(descriptor, ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        guard copy >= 0 else { throw AdapterError.system("\(path): cannot list") }
        guard let stream = fdopendir(copy) else {
            let code = errno
            close(copy)
            throw AdapterError.system("\(path): cannot list", errno: code)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while names.count < limit {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw AdapterError.system("\(path): cannot list") }
                break
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Links followed; nil when there is no such file. Errors: `io`, `unavailable` when the system cannot tell.
    func status(_ name: String) throws(AdapterError) -> stat? { try status(name, flags: 0) }

    /// A link to something that is not there, or to itself.
    func isDanglingLink(_ name: String) throws(AdapterError) -> Bool {
        guard try status(name) == nil, let own = try status(name, flags: AT_SYMLINK_NOFOLLOW) else { return false }
        return own.st_mode & S_IFMT == S_IFLNK
    }

    private func status(_ name: String, flags: Int32) throws(AdapterError) -> stat? {
        var status = stat()
        if fstatat(descriptor, name, &status, flags) == 0 { return status }
        if AdapterError.isAbsence(errno: errno) || errno == ELOOP { return nil }
        throw AdapterError.system("cannot look at it", file: name)
    }

    /// The system's number of the disk that the folder lies on.
    var device: UInt64? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? UInt64(status.st_dev) : nil
    }

    /// Whether files of an adapter are here, all or some of them.
    func hasAdapterFiles() throws(AdapterError) -> Bool {
        for file in [AdapterFile.configuration, AdapterFile.weights, AdapterFile.weightsIndex] + AdapterFile.pickles
        where try status(file) != nil { return true }
        return try names().contains(where: AdapterFile.isGGUF)
    }

    /// Errors: `io`, `unavailable`; a file that cannot be looked at is not one that is missing.
    func fingerprint() throws(AdapterError) -> FolderFingerprint {
        var fingerprint = FolderFingerprint()
        for name in AdapterFile.decisive + (try names().filter(AdapterFile.isGGUF)) {
            if let status = try status(name) { fingerprint.stamps[name] = FileStamp(status) }
        }
        return fingerprint
    }

    /// Opens a file of the folder for reading; nil when there is none. Errors: `unsafePath` for a link that leaves the
    /// folder and for what is no regular file, `notReady` for a link to nothing, `io`, `unavailable`.
    func open(_ name: String) throws(AdapterError) -> AdapterFile? {
        var file = openat(descriptor, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        let isLink = file < 0 && errno == ELOOP
        if isLink { file = openat(descriptor, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        guard file >= 0 else {
            switch errno {
            case ENOENT where isLink: throw AdapterError(.notReady, "a link whose target is not there", file: name)
            case ENOENT: return nil
            case ELOOP: throw AdapterError(.unsafePath, "a link that leads back to itself", file: name)
            default: throw AdapterError.system("cannot open", file: name)
            }
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
