internal import CKernels
internal import Glibc

/// What this process may use of the machine's CPUs.
public enum UsableCPUs {
    /// By the calling thread's affinity mask, which `taskset`, `numactl` and control groups set; ascending. All CPUs where the system does
    /// not say.
    public static var allowed: CPUList {
        var numbers = [Int32](repeating: 0, count: CPUList.limit)
        let count = ck_allowed_cpus(&numbers, numbers.count)
        return CPUList(count > 0 ? numbers[..<count].map(Int.init) : Array(0..<max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
    }

    /// As many threads as can compute at once: those CPUs, or fewer where a control group has a quota of processor time. At least 1.
    public static let count = min(allowed.numbers.count, CPUQuota(root: "/sys/fs/cgroup", groups: "/proc/self/cgroup").cpus ?? .max)
}

/// The quotas of processor time of the control groups that a process is in, versions 1 and 2.
struct CPUQuota {
    /// Where control groups are mounted.
    let root: String
    /// The file that names those of the process.
    let groups: String

    /// The smallest quota in CPUs, rounded up; nil without one.
    ///
    /// A group's own folder is looked for from its path down to the mount: in a container the mount is the group, and the path is that of
    /// the host.
    var cpus: Int? {
        var least: Double?
        for line in SystemText.lines(groups) {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let isSecond = fields[1].isEmpty
            guard isSecond || fields[1].split(separator: ",").contains("cpu") else { continue }
            var names = fields[2].split(separator: "/")
            let mount = isSecond ? root : "\(root)/cpu"
            while true {
                let folder = ([mount] + names.map(String.init)).joined(separator: "/")
                if let quota = isSecond ? Self.second(folder) : Self.first(folder) { least = min(least ?? quota, quota) }
                if names.popLast() == nil { break }
            }
        }
        return least.map { max(1, Int($0.rounded(.up))) }
    }

    /// `cpu.max` has microseconds of a period, or `max`, and the period.
    private static func second(_ folder: String) -> Double? {
        let numbers = SystemText.lines("\(folder)/cpu.max").first?.split(separator: " ").map { Double($0) } ?? []
        guard numbers.count == 2, let quota = numbers[0], let period = numbers[1] else { return nil }
        return ratio(quota, period)
    }

    private static func first(_ folder: String) -> Double? {
        guard let quota = SystemText.lines("\(folder)/cpu.cfs_quota_us").first.flatMap({ Double($0) }),
            let period = SystemText.lines("\(folder)/cpu.cfs_period_us").first.flatMap({ Double($0) })
        else { return nil }
        return ratio(quota, period)
    }

    /// nil: no quota, which version 1 writes as -1.
    private static func ratio(_ quota: Double, _ period: Double) -> Double? {
        quota > 0 && period > 0 && quota / period < Double(CPUList.limit) ? quota / period : nil
    }
}
