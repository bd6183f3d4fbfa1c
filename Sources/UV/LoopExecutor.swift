internal import CUV
internal import Glibc
import Synchronization

/// The libuv loop, its thread, and the mailbox through which everything else reaches it.
///
/// `uv_async_send` coalesces, so a wake says only "not empty": each wake drains the whole mailbox. Jobs that arrive during
/// a drain are run in the same wake, up to `passesPerWake`, so that neither jobs nor sockets starve.
///
/// `@unchecked Sendable`: the mailbox is guarded by its mutex; `loop` and `wake` are used by the loop thread only, but for
/// `uv_async_send`, which libuv documents as safe from any thread. `LoopTests` posts from many threads at once.
final class LoopExecutor: SerialExecutor, @unchecked Sendable {
    static let shared = LoopExecutor()

    private enum Job {
        case swift(UnownedJob)
        case closure(@LoopActor @Sendable () -> Void)
    }

    private enum Life {
        case fresh, running, stopped
    }

    private struct Mailbox {
        var jobs: [Job] = []
        /// The loop thread is draining and will look again: it needs no wake-up.
        var isDraining = false
        var life = Life.fresh
    }

    private static let passesPerWake = 8

    let loop: UnsafeMutablePointer<uv_loop_t>
    private let wake: UnsafeMutablePointer<uv_async_t>
    private let mailbox = Mutex(Mailbox())
    /// `pthread_self` of the loop thread, 0 while there is none.
    private let threadID = Atomic<UInt>(0)
    /// Serialises `start` and `stop`; holds the thread to join.
    private let thread = Mutex<pthread_t?>(nil)

    private init() {
        // A write to a socket whose reader has left is an error of that connection, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        loop = .allocate(capacity: 1)
        wake = .allocate(capacity: 1)
        let status = uv_loop_init(loop)
        precondition(status == 0, "the event loop could not be made: \(String(cString: uv_strerror(status)))")
        let wakeStatus = uv_async_init(loop, wake) { _ in LoopExecutor.shared.drain() }
        precondition(wakeStatus == 0, "the event loop's wake-up descriptor could not be made: \(String(cString: uv_strerror(wakeStatus)))")
    }

    // MARK: Any thread

    var isCurrent: Bool { threadID.load(ordering: .acquiring) == UInt(pthread_self()) }

    func enqueue(_ job: consuming ExecutorJob) { append(.swift(UnownedJob(job))) }

    func post(_ body: @escaping @LoopActor @Sendable () -> Void) { append(.closure(body)) }

    func checkIsolated() {
        precondition(isCurrent, "loop code was called off the loop thread")
    }

    func isIsolatingCurrentContext() -> Bool? { isCurrent }

    private func append(_ job: Job) {
        let (wakes, starts) = mailbox.withLock { mailbox in
            mailbox.jobs.append(job)
            return (mailbox.jobs.count == 1 && !mailbox.isDraining, mailbox.life == .fresh)
        }
        if wakes { uv_async_send(wake) }
        if starts { startIfFresh() }
    }

    private func startIfFresh() {
        thread.withLock { thread in
            let isFresh = mailbox.withLock { $0.life == .fresh }
            if isFresh { launch(&thread) }
        }
    }

    func start() {
        thread.withLock { thread in
            if thread == nil { launch(&thread) }
        }
    }

    private func launch(_ thread: inout pthread_t?) {
        mailbox.withLock { $0.life = .running }
        var created = pthread_t()
        let status = pthread_create(&created, nil, { _ in
            LoopExecutor.shared.runLoop()
            return nil
        }, nil)
        precondition(status == 0, "the thread of the event loop could not be started")
        thread = created
    }

    func stop() {
        precondition(!isCurrent, "stop was called on the loop thread, which would wait for its own end")
        thread.withLock { thread in
            guard let running = thread else { return }
            post { uv_stop(LoopExecutor.shared.loop) }
            pthread_join(running, nil)
            mailbox.withLock { $0.life = .stopped }
            thread = nil
        }
    }

    // MARK: Loop thread

    @LoopActor var nowMilliseconds: UInt64 { uv_now(loop) }

    private func runLoop() {
        threadID.store(UInt(pthread_self()), ordering: .releasing)
        // The wake handle keeps the loop alive; uv_run returns only after uv_stop.
        uv_run(loop, UV_RUN_DEFAULT)
        threadID.store(0, ordering: .releasing)
    }

    private func drain() {
        for _ in 0..<Self.passesPerWake {
            let jobs = mailbox.withLock { mailbox -> [Job] in
                mailbox.isDraining = !mailbox.jobs.isEmpty
                let jobs = mailbox.jobs
                mailbox.jobs = []
                return jobs
            }
            if jobs.isEmpty { return }
            for job in jobs {
                switch job {
                case .swift(let job): job.runSynchronously(on: asUnownedSerialExecutor())
                case .closure(let body): LoopActor.assumeIsolated(body)
                }
            }
        }
        let more = mailbox.withLock { mailbox in
            mailbox.isDraining = false
            return !mailbox.jobs.isEmpty
        }
        if more { uv_async_send(wake) }
    }
}
