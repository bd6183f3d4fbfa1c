import TestSupport
import Testing

@testable import Tensors

/// What Linux says of CPUs, quotas and memory nodes, from folders that are made here.
@Suite struct MachineTests {
    private static let lists: [(text: String, numbers: [Int]?)] = [
        ("0", [0]), ("0-3", [0, 1, 2, 3]), ("0,2,4-7", [0, 2, 4, 5, 6, 7]), ("5-5,1", [5, 1]), ("1023", [1023]),
        ("", nil), ("1024", nil), ("3-1", nil), ("1,1", nil), ("0-2,2", nil), ("1-2-3", nil), ("-1", nil), ("1,", nil), ("a", nil), ("1 ,2", nil),
        ("+1", nil), ("99999999999999999999", nil),
    ]

    @Test(arguments: lists)
    func listsOfCPUsAreReadWhole(text: String, numbers: [Int]?) { #expect(CPUList(text)?.numbers == numbers) }

    @Test func listsAreWrittenWithRanges() {
        #expect(CPUList([0, 1, 2, 5, 7, 6]).description == "0-2,5,7,6")
        #expect(CPUList([]).description == "")
    }

    @Test func thereIsACPUAndThreadsAreNoMoreThanThat() {
        #expect(!UsableCPUs.allowed.numbers.isEmpty && 1...UsableCPUs.allowed.numbers.count ~= UsableCPUs.count)
    }

    private static let quotas: [(groups: String, files: [String: String], cpus: Int?)] = [
        ("0::/a/b\n", ["a/cpu.max": "150000 100000\n", "a/b/cpu.max": "max 100000\n"], 2),
        ("0::/a/b\n", ["a/cpu.max": "400000 100000\n", "a/b/cpu.max": "250000 50000\n"], 4),
        // In a container the mount is the group, and its path there is that of the host.
        ("0::/docker/7\n", ["cpu.max": "50000 100000\n"], 1),
        ("0::/\n", ["cpu.max": "max 100000\n"], nil),
        ("0::/\n", ["cpu.max": "words\n"], nil),
        ("4:cpu,cpuacct:/g\n0::/\n", ["cpu/g/cpu.cfs_quota_us": "300000\n", "cpu/g/cpu.cfs_period_us": "100000\n"], 3),
        ("4:cpu:/g\n", ["cpu/g/cpu.cfs_quota_us": "-1\n", "cpu/g/cpu.cfs_period_us": "100000\n"], nil),
        ("4:cpuset:/g\n", ["cpu/g/cpu.cfs_quota_us": "100000\n", "cpu/g/cpu.cfs_period_us": "100000\n"], nil),
        ("no groups\n", [:], nil),
    ]

    @Test(arguments: quotas)
    func quotasAreRoundedUpToWholeCPUs(groups: String, files: [String: String], cpus: Int?) throws {
        let folder = try TemporaryFolder()
        try folder.write(groups, to: "self")
        for (name, text) in files { try folder.write(text, to: "root/\(name)") }
        #expect(CPUQuota(root: "\(folder.path)/root", groups: "\(folder.path)/self").cpus == cpus)
    }

    @Test func nodesAreThoseThatHaveCPUs() throws {
        let folder = try TemporaryFolder()
        for (name, text) in ["online": "0-1,4", "node0/cpulist": "0-7,16-23", "node1/cpulist": "8-15", "node4/cpulist": ""] {
            try folder.write("\(text)\n", to: name)
        }
        let nodes = MemoryNodes(folder: folder.path)
        #expect(nodes.nodes.map(\.number) == [0, 1])
        #expect(nodes.nodes.map(\.cpus.description) == ["0-7,16-23", "8-15"])
        #expect(nodes.advice(for: CPUList(Array(0..<8))) == nil)
        let advice = try #require(nodes.advice(for: CPUList([6, 7, 8])))
        #expect(advice.contains("2 memory nodes (node 0: CPUs 0-7,16-23; node 1: CPUs 8-15)"))
        #expect(advice.contains("--cpus 6-8") && advice.contains("numactl --cpunodebind=0 --membind=0"))
        #expect(MemoryNodes(folder: "\(folder.path)/none").nodes.isEmpty)
    }
}
