internal import Glibc

/// What tells that a file has not changed: none of its bytes can be written without one of these.
struct FileStamp: Sendable, Hashable {
    var device: UInt64
    var inode: UInt64
    var size: Int
    var modifiedNanoseconds: Int64
    /// Set by the system, also when a copy keeps the original's time of modification.
    var changedNanoseconds: Int64

    init(device: UInt64, inode: UInt64, size: Int, modifiedNanoseconds: Int64, changedNanoseconds: Int64) {
        self.device = device
        self.inode = inode
        self.size = size
        self.modifiedNanoseconds = modifiedNanoseconds
        self.changedNanoseconds = changedNanoseconds
    }

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int(status.st_size)
        modifiedNanoseconds = Self.nanoseconds(status.st_mtim)
        changedNanoseconds = Self.nanoseconds(status.st_ctim)
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        let (seconds, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? Int64.max : seconds &+ Int64(time.tv_nsec)
    }

    /// The wall clock, in the same unit.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return nanoseconds(time)
    }
}

/// The files of a folder that decide what its adapter does, as they are on disk. Equal fingerprints: nothing to read again.
struct FolderFingerprint: Sendable, Hashable {
    /// By the file's name; a file that is not there is not in it.
    var stamps: [String: FileStamp] = [:]

    /// Files of llama.cpp, sorted.
    var ggufFiles: [String] { stamps.keys.filter(AdapterFile.isGGUF).sorted() }

    /// Whether a file changed less than `milliseconds` ago. A time in the future (a clock set back) does not count.
    func isSettling(within milliseconds: Int, now: Int64) -> Bool {
        stamps.values.contains { stamp in
            let age = now &- stamp.changedNanoseconds
            return age >= 0 && age < Int64(milliseconds) * 1_000_000
        }
    }
}
