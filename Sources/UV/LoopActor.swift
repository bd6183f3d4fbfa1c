/// The isolation domain of the libuv thread: sockets, timers, watches, HTTP.
///
/// Its executor is the loop thread, so a call between two `@LoopActor` functions costs nothing, and the compiler refuses
/// a call from anywhere else without `await`. A process has one loop; it starts with the first job.
@globalActor
public actor LoopActor {
    public static let shared = LoopActor()

    public nonisolated var unownedExecutor: UnownedSerialExecutor { LoopExecutor.shared.asUnownedSerialExecutor() }

    /// Whether the caller runs on the loop thread.
    public static nonisolated var isCurrent: Bool { LoopExecutor.shared.isCurrent }

    /// Starts the loop thread. Needed only after `stop`: the first job starts it too.
    public static nonisolated func start() { LoopExecutor.shared.start() }

    /// Ends the loop thread after the jobs it has taken, and returns when it has ended. Handles stay open and later jobs
    /// wait in the mailbox until `start`. Never call it on the loop.
    public static nonisolated func stop() { LoopExecutor.shared.stop() }

    /// Runs `body` on the loop soon, in order with all other jobs. Cheaper than a task: for threads that only have to
    /// wake the loop.
    public static nonisolated func post(_ body: @escaping @LoopActor @Sendable () -> Void) {
        LoopExecutor.shared.post(body)
    }

    /// Runs `body` now, as loop code; traps off the loop. For callbacks of C, which the compiler cannot place.
    public static nonisolated func assumeIsolated<Result: Sendable, Failure: Error>(
        _ body: @LoopActor () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(isCurrent, "loop code was called off the loop thread")
        // As the standard library does for the main actor: isolation is checked by the compiler and is not part of the call.
        typealias Plain = () throws(Failure) -> Result
        return try withoutActuallyEscaping(body) { (escaping) throws(Failure) -> Result in
            try unsafeBitCast(escaping, to: Plain.self)()
        }
    }

    /// Milliseconds on the loop's monotonic clock, as of the start of this iteration of the loop.
    @LoopActor public static var nowMilliseconds: UInt64 { LoopExecutor.shared.nowMilliseconds }
}
