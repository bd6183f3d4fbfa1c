package import Glibc

/// Identifies one state of a file. Two equal stamps mean that the file has not changed: writing a byte changes one of them.
public struct FileStamp: Sendable, Hashable {
    public var device: UInt64
    public var inode: UInt64
    /// Bytes.
    public var size: Int
    public var modifiedNanoseconds: Int64
    /// Set by the system, also when a copy keeps the original's time of modification.
    public var changedNanoseconds: Int64

    public init(device: UInt64, inode: UInt64, size: Int, modifiedNanoseconds: Int64, changedNanoseconds: Int64) {
        self.device = device
        self.inode = inode
        self.size = size
        self.modifiedNanoseconds = modifiedNanoseconds
        self.changedNanoseconds = changedNanoseconds
    }

    package init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int(status.st_size)
        modifiedNanoseconds = Self.nanoseconds(status.st_mtim)
        changedNanoseconds = Self.nanoseconds(status.st_ctim)
    }

    /// Of what a path names, links followed. Nil when nothing has the path.
    ///
    /// Errors: `danglingLink`, `unreadable`.
    public static func of(_ path: String) throws(FileError) -> FileStamp? {
        try FileStatus.of(path)?.stamp
    }

    /// The wall clock, in nanoseconds since 1970.
    public static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return nanoseconds(time)
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        let (seconds, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? Int64.max : seconds &+ Int64(time.tv_nsec)
    }
}

/// What a path names and in which state it is.
public struct FileStatus: Sendable, Hashable {
    public enum Kind: Sendable {
        case file
        case folder
        /// A pipe, a socket or a device.
        case other
    }

    public var kind: Kind
    public var stamp: FileStamp

    package init(_ status: stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            default: .other
            }
        stamp = FileStamp(status)
    }

    /// Follows links. Nil when nothing has the path.
    ///
    /// Errors: `danglingLink`, `unsafePath`, `unreadable`.
    public static func of(_ path: String) throws(FileError) -> FileStatus? {
        try PathCheck.noNUL(path)
        return try of(path, relativeTo: AT_FDCWD, shown: path)
    }

    static func of(_ path: String, relativeTo parent: Int32, shown: String) throws(FileError) -> FileStatus? {
        var status = stat()
        if fstatat(parent, path, &status, 0) == 0 { return FileStatus(status) }
        switch errno {
        case ENOENT:
            guard fstatat(parent, path, &status, AT_SYMLINK_NOFOLLOW) != 0 else {
                throw FileError(.danglingLink, shown, "a link to what does not exist")
            }
            return nil
        case ENOTDIR: return nil
        default: throw FileError(shown, "cannot look at it", errno: errno)
        }
    }
}
