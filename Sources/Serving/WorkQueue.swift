internal import Dispatch
import Generation
internal import Synchronization

/// One thread for work that must leave the loop, in order, with a bound on what waits.
public final class WorkQueue: Sendable {
    private struct State {
        /// Waits or runs.
        var inside = 0
        var refused = 0
    }

    private let queue: DispatchQueue
    private let capacity: Int
    private let purpose: String
    private let state = Mutex(State())

    /// - Parameters:
    ///   - capacity: how many may wait while another one runs.
    ///   - purpose: ends the sentence "Too many requests wait …".
    public init(_ label: String, capacity: Int, purpose: String) {
        queue = DispatchQueue(label: label, qos: .userInitiated)
        self.capacity = capacity
        self.purpose = purpose
    }

    /// Waits or runs now.
    public var count: Int { state.withLock { $0.inside } }
    /// Refused since the start.
    public var refused: Int { state.withLock { $0.refused } }

    /// Runs the body also when the current task is cancelled. Throws `overloaded` at once when `capacity` others wait, else what the
    /// body throws.
    public func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        let isTaken = state.withLock { state in
            guard state.inside <= capacity else {
                state.refused += 1
                return false
            }
            state.inside += 1
            return true
        }
        guard isTaken else { throw GenerationError(.overloaded, "Too many requests wait \(purpose).", retryAfterSeconds: 1) }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in
                let result = Swift.Result { try body() }
                state.withLock { $0.inside -= 1 }
                continuation.resume(with: result)
            }
        }
    }

    /// As `run`, for work that is of no use once the current task is cancelled, as it is when the client leaves. The body can ask whether
    /// that has happened. Throws `CancellationError` when it happened before the work's turn.
    public func runWhileWanted<Result: Sendable>(
        _ body: @escaping @Sendable (_ isAbandoned: @escaping @Sendable () -> Bool) throws -> Result
    ) async throws -> Result {
        let cancellation = CancellationFlag()
        return try await withTaskCancellationHandler {
            try await run {
                if cancellation.isSet { throw CancellationError() }
                return try body { cancellation.isSet }
            }
        } onCancel: {
            cancellation.set()
        }
    }
}

/// Carries a task's cancellation to a thread outside of it.
private final class CancellationFlag: Sendable {
    private let flag = Atomic(false)
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
}
