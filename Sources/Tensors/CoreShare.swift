internal import CKernels
internal import Glibc
internal import Synchronization

/// Divides the cores between foreground work, such as serving, and background work, such as tuning, in one process.
///
/// The background computes alone while the foreground is empty. While the foreground has work, its background threads wait, and a foreground
/// thread hands them the cores between two of its steps, for `share` of the time: both computations have all cores in turn, since threads
/// that share a core would hold up the barriers of both. Background threads also have a low priority, so that whatever else wakes up runs
/// before them.
///
/// The foreground never waits for a background thread. Entering and leaving cost an atomic addition each.
///
/// `@unchecked Sendable`: the C object synchronises itself, and `deinit` comes after the last use. `CoreShareTests` runs it from several
/// threads, under ThreadSanitizer, too.
public final class CoreShare: @unchecked Sendable {
    /// Of the time that the foreground is busy, what the background gets: 0 to `greatestShare`.
    public let background: Double
    let pointer: OpaquePointer
    /// What it gets now, as bits.
    private let granted: Atomic<UInt64>

    public static let greatestShare = 0.9

    public init(background: Double) {
        precondition(0...Self.greatestShare ~= background, "a background share of \(background), expected 0 to \(Self.greatestShare)")
        guard let pointer = ck_core_share_create() else { fatalError("no memory for the threads' shares") }
        self.background = background
        self.pointer = pointer
        granted = Atomic(background.bitPattern)
    }

    /// What the background gets now.
    public var current: Double { Double(bitPattern: granted.load(ordering: .relaxed)) }

    /// The background gets a greater share while the body runs: for work that a client waits for. One thread at a time.
    public func withBackground<Value, Failure: Error>(atLeast share: Double, _ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        precondition(0...Self.greatestShare ~= share, "a background share of \(share), expected 0 to \(Self.greatestShare)")
        granted.store(max(share, background).bitPattern, ordering: .relaxed)
        defer { granted.store(background.bitPattern, ordering: .relaxed) }
        return try body()
    }

    deinit { ck_core_share_destroy(pointer) }

    func enter() { ck_core_share_enter(pointer) }
    func leave() { ck_core_share_leave(pointer) }
    func pass() { ck_core_share_pass(pointer) }

    /// A background thread waits for the foreground.
    public var isAwaited: Bool { ck_core_share_is_awaited(pointer) }

    /// Background threads no longer wait: what they do must end soon.
    public func stopHolding() { ck_core_share_open(pointer) }

    /// The calling thread runs from now on only where no other thread wants its core. Returns false where the system refuses that.
    @discardableResult
    public static func lowerThreadPriority() -> Bool { ck_lower_thread_priority() }
}

/// The steps of one thread in the foreground, and the turns that the background gets between them.
///
/// Isolation: the thread that steps owns it.
public struct ForegroundSteps {
    private let share: CoreShare
    private var turns: BackgroundTurns
    private var isBusy = false

    public init(_ share: CoreShare) {
        self.share = share
        turns = BackgroundTurns(share: share.background)
    }

    /// There is work: the background waits.
    public mutating func begin() {
        guard !isBusy else { return }
        isBusy = true
        share.enter()
        turns.begin(now: Self.now)
    }

    /// There is no more: the background has all cores.
    public mutating func end() {
        guard isBusy else { return }
        isBusy = false
        share.leave()
    }

    /// After each step: sleeps for a turn of the background when one is due and somebody waits for it.
    public mutating func stepEnded() {
        turns.share = share.current
        guard let nanoseconds = turns.stepEnded(now: Self.now, isAwaited: share.isAwaited) else { return }
        share.leave()
        var left = timespec(tv_sec: 0, tv_nsec: nanoseconds)
        nanosleep(&left, nil)
        share.enter()
        turns.turnEnded(now: Self.now)
    }

    private static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}

/// When the background is due. Times are in nanoseconds.
struct BackgroundTurns {
    /// The shortest turn: long against what it costs to change over, short against what a client notices between two tokens.
    static let turn = 5_000_000
    /// What long steps have earned is not taken all at once.
    static let longestTurn = 20_000_000
    var share: Double
    /// What the background earns for a nanosecond of the foreground.
    private var rate: Double { share / (1 - share) }
    private var earned = 0.0
    private var last = 0

    init(share: Double) { self.share = share }

    mutating func begin(now: Int) { last = now }

    /// The length of the background's turn if one begins now; nil: none is due. Time in which no background thread waits earns nothing.
    mutating func stepEnded(now: Int, isAwaited: Bool) -> Int? {
        let passed = now - last
        last = now
        guard isAwaited, rate > 0 else {
            earned = 0
            return nil
        }
        earned += Double(passed) * rate
        return earned >= Double(Self.turn) ? min(Int(earned), Self.longestTurn) : nil
    }

    /// A turn that took longer than it was given costs what it took.
    mutating func turnEnded(now: Int) {
        earned = max(earned - Double(now - last), -Double(Self.longestTurn))
        last = now
    }
}
