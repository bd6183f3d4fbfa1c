internal import Glibc

/// A folder, held open: a folder that is renamed or replaced while it is read stays the same folder.
public final class Folder: Sendable {
    /// What lies in a folder.
    public struct Listing: Sendable, Equatable {
        /// File names, `.` and `..` left out, sorted.
        public var names: [String]
        /// Whether the folder has more than the limit; which ones are listed is then up to the system.
        public var isCut: Bool
    }

    /// Which files `file` opens.
    public enum Links: Sendable {
        case follow
        case refuse
        /// Follow a link only when what it leads to lies in this folder.
        case inside
    }

    /// As the caller gave it; for messages.
    public let path: String
    public let descriptor: Int32

    /// Links are followed. Errors: `notFound`, `danglingLink`, `notAFolder`, `tooManyDescriptors`, `unreadable`.
    public convenience init(_ path: String) throws(FileError) {
        try self.init(path, relativeTo: AT_FDCWD, shown: path)
    }

    /// A folder inside another, by its path there; links are followed wherever they lead: compare `realPath`.
    public convenience init(_ path: String, below parent: Folder) throws(FileError) {
        try PathCheck.staysInside(path)
        try self.init(path, relativeTo: parent.descriptor, shown: "\(parent.path)/\(path)")
    }

    private init(_ path: String, relativeTo parent: Int32, shown: String) throws(FileError) {
        try PathCheck.noNUL(path)
        let descriptor = openat(parent, path, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NONBLOCK)
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT: throw FileError.absent(path, relativeTo: parent, shown: shown)
            case ENOTDIR: throw FileError(.notAFolder, shown, "not a folder")
            default: throw FileError(shown, "cannot open the folder", errno: errno)
            }
        }
        self.path = shown
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Where the folder lies, without links.
    public var realPath: String? { PathCheck.resolved(descriptor: descriptor) }

    public func isInside(_ other: Folder) -> Bool {
        guard let own = realPath, let outer = other.realPath else { return false }
        return PathCheck.isBelow(own, outer)
    }

    /// What lies in the folder, at most `limit` names. An empty listing means that the folder is empty; whatever cannot be read
    /// is an error: `tooManyDescriptors`, `unreadable`. Cost: O(entries).
    public func listing(limit: Int) throws(FileError) -> Listing {
        // A descriptor of its own: reading moves a position that copies share.
        let copy = openat(descriptor, ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        guard copy >= 0 else { throw FileError(path, "cannot list the folder", errno: errno) }
        guard let stream = fdopendir(copy) else {
            let number = errno
            close(copy)
            throw FileError(path, "cannot list the folder", errno: number)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw FileError(path, "cannot list the folder", errno: errno) }
                return Listing(names: names.sorted(), isCut: false)
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name != "." && name != ".." else { continue }
            guard names.count < limit else { return Listing(names: names.sorted(), isCut: true) }
            names.append(name)
        }
    }

    /// Links are followed; nil when there is nothing of that name. Errors: `unsafePath`, `danglingLink`, `unreadable`.
    public func status(_ name: String) throws(FileError) -> FileStatus? {
        try PathCheck.staysInside(name)
        return try FileStatus.of(name, relativeTo: descriptor, shown: "\(path)/\(name)")
    }

    /// Opens a file of the folder; nil when there is nothing of that name. Errors: `unsafePath` for a link that is not followed,
    /// `danglingLink`, `notRegular`, `tooManyDescriptors`, `unreadable`.
    public func file(_ name: String, links: Links = .inside) throws(FileError) -> RegularFile? {
        try PathCheck.staysInside(name)
        let shown = "\(path)/\(name)"
        do throws(FileError) {
            let file = try RegularFile(name, relativeTo: descriptor, shown: shown, links: links == .follow ? .follow : .refuse)
            // The system checks the last component only: a folder on the way may be a link.
            if links != .follow, name.utf8.contains(UInt8(ascii: "/")) { try checkInside(file) }
            return file
        } catch where error.code == .notFound {
            return nil
        } catch where error.code == .unsafePath && links == .inside {
            let file = try RegularFile(name, relativeTo: descriptor, shown: shown, links: .follow)
            try checkInside(file)
            return file
        }
    }

    /// Where the open file is, not where the name led a moment ago.
    private func checkInside(_ file: RegularFile) throws(FileError) {
        guard let folder = realPath, let place = file.realPath, PathCheck.isBelow(place, folder) else {
            throw FileError(.unsafePath, file.path, "a link that leaves the folder; copy the file itself (cp -rL)")
        }
    }

    // In one call:

    /// Names in a folder, sorted. Errors: those of `init` and `listing`, and `limitExceeded` for more than `limit`.
    public static func names(_ path: String, limit: Int) throws(FileError) -> [String] {
        let listing = try Folder(path).listing(limit: limit)
        guard !listing.isCut else { throw FileError(.limitExceeded, path, "more than \(limit) entries") }
        return listing.names
    }

    /// Creates a folder and those above it; nothing is changed when it exists. Errors: `notAFolder`, `unwritable`.
    public static func create(_ path: String, mode: UInt32 = 0o755) throws(FileError) {
        try PathCheck.noNUL(path)
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else { throw FileError(.notAFolder, path, "exists and is not a folder") }
            return
        }
        if mkdir(path, mode) == 0 { return }
        if errno == ENOENT, let slash = path.dropLast().lastIndex(of: "/"), slash != path.startIndex {
            try create(String(path[..<slash]), mode: mode)
            if mkdir(path, mode) == 0 { return }
        }
        let number = errno
        // Another process or thread may have made it meanwhile.
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw FileError(path, "cannot create the folder", errno: number, otherwise: .unwritable)
        }
    }
}
