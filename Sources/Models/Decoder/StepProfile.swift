public import Tensors

/// Where the time of steps goes: by phase and thread. For a workspace's `profile`; only the fast path fills it.
///
/// Isolation: the workspace's threads write it during a step, each in a place of its own; its owner reads and clears it between steps.
public final class StepProfile {
    public let threads: Int
    private let lanes: UnsafeMutablePointer<Lane>
    /// `[threads, phases]`
    private let totals: UnsafeMutablePointer<ThreadCounters.Reading>
    private static let phases = StepPhase.allCases.count

    /// For workspaces whose pool has so many threads.
    public init(threads: Int) {
        self.threads = threads
        totals = .allocate(capacity: threads * Self.phases)
        totals.initialize(repeating: .init(), count: threads * Self.phases)
        lanes = .allocate(capacity: threads)
        for thread in 0..<threads { (lanes + thread).initialize(to: Lane(totals: totals + thread * Self.phases)) }
    }

    deinit {
        for thread in 0..<threads { lanes[thread].counters?.close() }
        lanes.deallocate()
        totals.deallocate()
    }

    /// What a thread spent in a phase, of all steps since `clear`.
    public func total(_ phase: StepPhase, thread: Int) -> ThreadCounters.Reading { totals[thread * Self.phases + phase.rawValue] }

    /// Whether there is more than time. Known once a step has run.
    public var countsHardware: Bool { (0..<threads).allSatisfy { lanes[$0].counters?.countsHardware == true } }

    public func clear() { totals.update(repeating: .init(), count: threads * Self.phases) }

    /// A step begins on the thread that calls it.
    func start(thread: Int) -> UnsafeMutablePointer<Lane> {
        lanes[thread].start()
        return lanes + thread
    }

    /// One thread's place.
    struct Lane {
        fileprivate let totals: UnsafeMutablePointer<ThreadCounters.Reading>
        fileprivate var counters: ThreadCounters?
        private var last = ThreadCounters.Reading()

        fileprivate init(totals: UnsafeMutablePointer<ThreadCounters.Reading>) { self.totals = totals }

        fileprivate mutating func start() {
            let counters = counters ?? ThreadCounters()
            self.counters = counters
            last = counters.read()
        }

        /// What was done since the last call belongs to `phase`.
        mutating func end(_ phase: StepPhase) {
            guard let now = counters?.read() else { return }
            totals[phase.rawValue].add(from: last, to: now)
            last = now
        }
    }
}
