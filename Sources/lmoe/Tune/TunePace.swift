import Foundation

/// How fast a run goes, and how long it will take.
struct TunePace {
    struct Now {
        var tokensPerSecond: Double
        var residentBytes: Int
        /// Nil before the first step.
        var secondsLeft: Double?
    }

    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private var tokens = 0
    private var done = 0

    init() { start = clock.now }

    mutating func add(tokens: Int, steps: Int = 1) {
        self.tokens += tokens
        done += steps
    }

    var seconds: Double { (clock.now - start) / .seconds(1) }

    /// - Parameter remaining: steps of all tasks that are not done.
    func now(remaining: Int) -> Now {
        let seconds = seconds
        return Now(
            tokensPerSecond: seconds > 0 ? Double(tokens) / seconds : 0, residentBytes: ProcessMemory.now("").resident,
            secondsLeft: done > 0 ? seconds / Double(done) * Double(remaining) : nil)
    }

    /// `1:02:03`, `2:13`.
    static func text(_ seconds: Double) -> String {
        let whole = Int(min(max(seconds, 0), 1e9).rounded())
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(whole % 60))" : "\(minutes):\(two(whole % 60))"
    }
}
