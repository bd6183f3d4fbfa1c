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

    /// Throws `overloaded` at once when `capacity` others wait, `CancellationError` for work whose client has left when its
    /// turn comes, else what the body throws.
    public func run<Result: Sendable>(
        unless isAbandoned: @escaping @Sendable () -> Bool = { false }, _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
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
                let result = Swift.Result {
                    if isAbandoned() { throw CancellationError() }
                    return try body()
                }
                state.withLock { $0.inside -= 1 }
                continuation.resume(with: result)
            }
        }
    }
}
