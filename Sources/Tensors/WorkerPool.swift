internal import CKernels
internal import Glibc

/// The work of one run of a pool, as an object: a closure would cost an allocation a run.
public protocol PoolWork: AnyObject {
    /// Called once for each thread, 0 on the caller's.
    func work(thread: Int)
}

/// Persistent threads that run the slices of one step.
///
/// Any number of threads may call `run`: the pool serves them one after the other, in order of arrival. So the encoder and the steps of
/// several engines can share one pool. Its threads spin for some tens of microseconds before they sleep. With one thread none is
/// started.
///
/// `@unchecked Sendable`: the C pool synchronises itself, and `deinit` comes after the last run. `WorkerPoolTests` and
/// `WorkspaceSharingTests` run it from several threads, under ThreadSanitizer, too.
public final class WorkerPool: @unchecked Sendable {
    /// Threads of a run, the caller's included.
    public let threads: Int
    /// Decides between foreground and background pools; nil: this pool shares its cores with no other.
    public let share: CoreShare?
    /// Its runs give way to those of the foreground, its threads have a low priority.
    public let isBackground: Bool
    private let pool: OpaquePointer

    /// The most threads of a pool: several times the cores of the largest machines.
    public static let mostThreads = 1024

    /// Starts `threads - 1` threads; throws when the system refuses one of them, or `threads` is not 1 to `mostThreads`.
    ///
    /// - Parameters:
    ///   - cpus: thread i runs on the i-th of these CPUs and on no other. Thread 0 is the caller, which is pinned for its run and freed at the
    ///     end, at the cost of three system calls. Throws when there are fewer CPUs than `threads`, and names the first one that this process
    ///     may not use. nil: the system places the threads.
    ///   - share: its runs count as foreground work there; in the background they wait while there is some.
    ///   - isIdle: in the background, its threads run only where no other thread of the machine wants their core. Otherwise they have a low
    ///     priority and get on beside other processes: for work that a client waits for.
    public init(
        starting threads: Int, cpus: CPUList? = nil, share: CoreShare? = nil, isBackground: Bool = false, isIdle: Bool = true
    ) throws(ResourceError) {
        guard 1...Self.mostThreads ~= threads else {
            throw ResourceError("\(threads) worker threads were asked for, expected 1 to \(Self.mostThreads)")
        }
        if let cpus {
            guard cpus.numbers.count >= threads else { throw ResourceError("\(threads) worker threads were asked for on the CPUs \(cpus)") }
            try cpus.check()
        }
        var error: Int32 = 0
        let background = isBackground ? share?.pointer : nil
        guard let pool = ck_worker_pool_create(threads, cpus?.numbers.map(Int32.init), background, isIdle, &error) else {
            throw ResourceError("the system refused \(threads) worker threads: \(String(cString: strerror(error)))")
        }
        self.threads = threads
        self.share = share
        self.isBackground = isBackground
        self.pool = pool
    }

    /// The same for small numbers of threads, as in tests: the process ends when the system refuses one of them.
    public convenience init(threads: Int) {
        do throws(ResourceError) {
            try self.init(starting: threads)
        } catch {
            fatalError(error.message)
        }
    }

    deinit { ck_worker_pool_destroy(pool) }

    /// Calls `body(thread)` for every thread, 0 on the caller's, and returns when all are done. A body must not call it.
    public func run(_ body: (Int) -> Void) {
        if !isBackground { share?.enter() }
        defer { if !isBackground { share?.leave() } }
        withoutActuallyEscaping(body) { escaping in
            var call = Call(body: escaping)
            withUnsafeMutablePointer(to: &call) { pointer in
                ck_worker_pool_run(
                    pool, { context, thread in context?.assumingMemoryBound(to: Call.self).pointee.body(thread) }, pointer)
            }
        }
    }

    private struct Call {
        let body: (Int) -> Void
    }

    /// The same with an object, which the caller keeps. Nothing is allocated.
    public func run(_ work: any PoolWork) {
        if !isBackground { share?.enter() }
        defer { if !isBackground { share?.leave() } }
        var call = WorkCall(work: work)
        withUnsafeMutablePointer(to: &call) { pointer in
            ck_worker_pool_run(
                pool, { context, thread in context?.assumingMemoryBound(to: WorkCall.self).pointee.work.work(thread: thread) },
                pointer)
        }
    }

    private struct WorkCall {
        unowned(unsafe) let work: any PoolWork
    }

    /// Threads of a run in the background call it every few hundred microseconds of a long run: they wait there while the foreground has
    /// work. Nothing in the foreground.
    public func giveWay() { if isBackground { share?.pass() } }

    /// Every thread of a run calls it, inside the run; it returns when all have. Writes before it are seen after it.
    public func barrier() { ck_worker_pool_barrier(pool) }

    /// `barrier` as a plain value, which loops use without counting references. The pool must outlive it.
    public struct Barrier {
        fileprivate let pool: OpaquePointer

        public func callAsFunction() { ck_worker_pool_barrier(pool) }
    }

    public var barrierFunction: Barrier { Barrier(pool: pool) }

    /// The part of `0..<count` that belongs to a thread: equal parts of whole multiples of `multiple`; the last may be shorter.
    public static func slice(_ count: Int, of thread: Int, threads: Int, multiple: Int = 1) -> Range<Int> {
        let units = (count + multiple - 1) / multiple
        let begin = units * thread / threads * multiple
        let end = units * (thread + 1) / threads * multiple
        return min(begin, count)..<min(end, count)
    }
}
