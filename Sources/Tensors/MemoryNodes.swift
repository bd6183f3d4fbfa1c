/// The nodes of a machine: groups of CPUs with memory of their own. Reading another node's memory is slower.
public struct MemoryNodes: Sendable, Equatable {
    public struct Node: Sendable, Equatable {
        public let number: Int
        public let cpus: CPUList
    }

    /// Those that have CPUs, by number; none where the kernel does not know nodes.
    public let nodes: [Node]

    /// Reads `nodeN/cpulist` for each node that the kernel has.
    public init(folder: String = "/sys/devices/system/node") {
        let online = SystemText.lines("\(folder)/online").first.flatMap { CPUList(String($0)) }
        nodes = (online?.numbers ?? []).compactMap { number in
            SystemText.lines("\(folder)/node\(number)/cpulist").first.flatMap { CPUList(String($0)) }.map { Node(number: number, cpus: $0) }
        }
    }

    /// What to do when threads that are not pinned can run on several nodes, for the operator; nil: they cannot.
    ///
    /// A page of weights lies on the node of the thread that packed it. A thread that the system moves to another node reads it from there.
    ///
    /// - Parameter cpus: where the threads may run.
    public func advice(for cpus: CPUList) -> String? {
        let own = nodes.filter { node in cpus.numbers.contains { node.cpus.numbers.contains($0) } }
        guard own.count > 1 else { return nil }
        let list = own.map { "node \($0.number): CPUs \($0.cpus)" }.joined(separator: "; ")
        return "the threads are not pinned and may run on \(own.count) memory nodes (\(list)), so they may read weights from another node: "
            + "set --cpus, such as --cpus \(cpus), or keep to one node, as with numactl --cpunodebind=\(own[0].number) "
            + "--membind=\(own[0].number)"
    }
}
