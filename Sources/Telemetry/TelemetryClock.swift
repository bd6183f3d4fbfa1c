internal import Glibc
import Synchronization

/// Where time comes from, so that tests can move it.
public protocol TelemetryClock: Sendable {
    /// Nanoseconds that only grow, from an arbitrary start: for durations.
    var monotonicNanoseconds: UInt64 { get }
    /// Milliseconds since 1970, UTC: for people.
    var wallMilliseconds: Int64 { get }
}

/// The machine's clocks.
public struct SystemClock: TelemetryClock {
    public init() {}

    public var monotonicNanoseconds: UInt64 {
        let time = Self.read(CLOCK_MONOTONIC)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    public var wallMilliseconds: Int64 {
        let time = Self.read(CLOCK_REALTIME)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        clock_gettime(clock, &time)
        return time
    }
}

/// A clock that stands still until it is moved.
public final class ManualClock: TelemetryClock {
    private let nanoseconds: Atomic<UInt64>
    private let wallStart: Int64

    public init(wallMilliseconds: Int64 = 0) {
        nanoseconds = Atomic(0)
        wallStart = wallMilliseconds
    }

    public var monotonicNanoseconds: UInt64 { nanoseconds.load(ordering: .relaxed) }
    public var wallMilliseconds: Int64 { wallStart + Int64(monotonicNanoseconds / 1_000_000) }

    public func advance(milliseconds: UInt64) { nanoseconds.wrappingAdd(milliseconds * 1_000_000, ordering: .relaxed) }
}
