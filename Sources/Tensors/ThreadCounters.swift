internal import CCounters
internal import Glibc

/// The clock, and what the processor counts of one thread in user mode.
///
/// Made on the thread that is counted; read and closed by any. A plain value, whose descriptors live until `close`.
public struct ThreadCounters {
    /// Totals since some moment; their differences count.
    public struct Reading: Sendable, Equatable {
        public var nanoseconds: UInt64 = 0
        /// Zero, as the two below, where `countsHardware` is false.
        public var cycles: UInt64 = 0
        public var instructions: UInt64 = 0
        /// Reads that the last-level cache did not have.
        public var cacheMisses: UInt64 = 0

        public init() {}

        /// Adds what lies between two readings.
        public mutating func add(from start: Reading, to end: Reading) {
            nanoseconds &+= end.nanoseconds &- start.nanoseconds
            cycles &+= end.cycles &- start.cycles
            instructions &+= end.instructions &- start.instructions
            cacheMisses &+= end.cacheMisses &- start.cacheMisses
        }
    }

    /// False on most virtual machines, and where the system forbids it.
    public let countsHardware: Bool
    private var counters = cc_counters()

    public init() { countsHardware = cc_open(&counters) }

    public func close() { if countsHardware { withUnsafePointer(to: counters) { cc_close($0) } } }

    public func read() -> Reading {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        var reading = Reading()
        reading.nanoseconds = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        guard countsHardware else { return reading }
        let counts = withUnsafePointer(to: counters) { cc_read($0) }
        (reading.cycles, reading.instructions, reading.cacheMisses) = (counts.cycles, counts.instructions, counts.cache_misses)
        return reading
    }
}
