import Synchronization

/// A count that only grows. Any thread; one atomic addition.
public final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)
    public init() {}
    public func increment(by amount: Int = 1) {
        if amount > 0 { count.wrappingAdd(UInt64(amount), ordering: .relaxed) }
    }
    public var value: UInt64 { count.load(ordering: .relaxed) }
}

/// A number that goes up and down. Any thread.
public final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)
    public init() {}
    public func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    public func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, seen) = bits.compareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = seen
        }
    }

    public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// How many values were at most each bound. Any thread. Each observation takes a short lock: use it for requests, not for tokens.
public final class Histogram: Sendable {
    public struct Snapshot: Sendable, Equatable {
        /// Observations of at most the bound with the same index; the last is all.
        public var cumulativeCounts: [UInt64]
        public var sum: Double
        public var count: UInt64 { cumulativeCounts.last ?? 0 }
    }

    /// From a millisecond to a minute.
    public static let secondsBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

    /// Ascending, without infinity.
    public let bounds: [Double]
    private let state: Mutex<(counts: [UInt64], sum: Double)>

    public init(bounds: [Double] = Histogram.secondsBounds) {
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "the bounds of a histogram must ascend")
        self.bounds = bounds
        state = Mutex((counts: [UInt64](repeating: 0, count: bounds.count + 1), sum: 0))
    }

    /// A value that is no number is left out: it would spoil the sum for good.
    public func observe(_ value: Double) {
        guard value.isFinite else { return }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    public var snapshot: Snapshot {
        let (counts, sum) = state.withLock { $0 }
        var running: UInt64 = 0
        return Snapshot(
            cumulativeCounts: counts.map { count in
                running += count
                return running
            }, sum: sum)
    }
}
