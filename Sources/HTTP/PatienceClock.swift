/// The clock that clients' time limits are measured with: milliseconds in which the server was able to read.
///
/// The loop runs its timers before it reads sockets. When it was held up for seconds, by a long callback or a busy machine, bytes
/// that came in time still wait to be read when the timers run. So a tick that comes late counts as `longestTick` only, and no client
/// is told that it was slow because the server was.
struct PatienceClock {
    static let tickMilliseconds: UInt64 = 100
    /// What one tick adds at most: a tick and a little lateness.
    static let longestTick = 2 * tickMilliseconds

    private var counted: UInt64 = 0
    /// The loop's clock at the last tick.
    private var lastTick: UInt64

    init(now: UInt64) { lastTick = now }

    mutating func tick(now: UInt64) {
        counted = milliseconds(now: now)
        lastTick = now
    }

    /// Never decreases as `now` grows.
    func milliseconds(now: UInt64) -> UInt64 { counted + min(now - lastTick, Self.longestTick) }
}
