internal import Glibc

/// How many files and sockets this process may have open at once.
public enum DescriptorLimit {
    /// Most that is asked for: each connection takes one.
    private static let wanted: UInt = 65_536
    /// Kept back for files, folders and watches, where the limit is large enough.
    private static let keptBack = 256

    /// Raises the soft limit as far as the hard limit allows, 65,536 at most, and returns the limit that holds.
    public static func raise() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        let target = target(hard: limit.rlim_max)
        if limit.rlim_cur < target {
            var raised = limit
            raised.rlim_cur = target
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }

    static func target(hard: UInt) -> UInt { min(hard, wanted) }

    /// Of `limit` descriptors, those that connections may take: files must still open while every connection is in use.
    public static func forConnections(of limit: Int) -> Int { max(1, limit - min(keptBack, limit / 2)) }
}
