internal import Synchronization

/// How often the routers of an adapter chose each expert since it was loaded. Rows count once for each router.
///
/// Isolation: steps add without locks, and any thread reads. A value that is read during a step has part of the step's rows.
/// `@unchecked Sendable`: counters are atomic.
public final class ExpertCounts: @unchecked Sendable {
    public struct Load: Sendable, Equatable {
        /// Rows that chose the expert.
        public var rows: Int
        /// The sum of its weights in them.
        public var weight: Double
    }

    struct Counter: ~Copyable {
        private let rows = Atomic(0)
        private let weight = Atomic(0)

        /// Weights are summed in whole steps of this.
        private static let unit = 1.0 / 65536

        borrowing func add(_ weight: Float) {
            rows.add(1, ordering: .relaxed)
            // A weight that is NaN, negative or too large is not added.
            guard weight > 0, weight < 65536 else { return }
            self.weight.add(Int(Double(weight) / Self.unit), ordering: .relaxed)
        }

        var load: Load {
            Load(rows: rows.load(ordering: .relaxed), weight: Double(weight.load(ordering: .relaxed)) * Self.unit)
        }
    }

    let counters: UnsafePointer<Counter>
    private let memory: UnsafeMutablePointer<Counter>
    private let experts: Int
    private let count: Int

    /// Counters of all routers' experts, then one of each router.
    init(experts: Int, routers: Int) {
        (self.experts, count) = (experts, experts + routers)
        memory = .allocate(capacity: count)
        for index in 0..<count { (memory + index).initialize(to: Counter()) }
        counters = UnsafePointer(memory)
    }

    deinit {
        memory.deinitialize(count: count)
        memory.deallocate()
    }

    /// Of each expert, at its place (`ExpertRouter.experts`).
    public var loads: [Load] { (0..<experts).map { counters[$0].load } }

    /// Rows that a router saw; `router` is its index in `AdapterDelta.routers`.
    public func rows(ofRouter router: Int) -> Int { counters[experts + router].load.rows }
}
