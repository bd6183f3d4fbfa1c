internal import Glibc

/// Zeroed memory from the system, in whole pages.
package enum SystemMemory {
    /// The largest request that is passed on to the system. Tests lower it to see what a refused request does.
    @TaskLocal package static var limitBytes = Int.max

    /// Maps `byteCount` bytes, more than 0. Pages take memory when they are first written.
    /// - Parameters:
    ///   - purpose: goes into the error: "no memory for 12 bytes of key-value cache".
    ///   - isReserved: the system checks now that it has the memory, unless its overcommit setting says otherwise.
    /// - Throws: when the system refuses.
    package static func map(
        _ byteCount: Int, for purpose: String, isReserved: Bool = true
    ) throws(ResourceError) -> UnsafeMutableRawPointer {
        precondition(byteCount > 0, "a request for \(byteCount) bytes of \(purpose)")
        guard byteCount <= limitBytes else { throw refusal(byteCount, purpose, ENOMEM) }
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | (isReserved ? 0 : MAP_NORESERVE)
        let mapping = mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let mapping, mapping != MAP_FAILED else { throw refusal(byteCount, purpose, errno) }
        return mapping
    }

    package static func unmap(_ start: UnsafeMutableRawPointer, byteCount: Int) { munmap(start, byteCount) }

    /// Bytes that the machine, and the control group that the process is in, could still give; nil: the system does not say.
    package static var availableBytes: Int? {
        let machine = number(in: "/proc/meminfo") { line in
            line.hasPrefix("MemAvailable:") ? Int(line.split(separator: " ")[1]).map { $0 * 1024 } : nil
        }
        let group = "/sys/fs/cgroup/memory"
        guard let limit = number(in: "\(group).max", { Int($0) }), let used = number(in: "\(group).current", { Int($0) }) else {
            return machine
        }
        return min(machine ?? .max, max(0, limit - used))
    }

    /// The first number that `parse` finds in the lines of a file; nil: none, or it cannot be read.
    private static func number(in path: String, _ parse: (Substring) -> Int?) -> Int? {
        SystemText.lines(path).lazy.compactMap(parse).first
    }

    private static func refusal(_ byteCount: Int, _ purpose: String, _ code: Int32) -> ResourceError {
        ResourceError("no memory for \(byteCount) bytes of \(purpose): \(String(cString: strerror(code)))")
    }
}
