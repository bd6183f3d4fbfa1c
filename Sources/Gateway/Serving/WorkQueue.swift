internal import Dispatch
import OpenAIAPI
internal import Synchronization

/// A thread's worth of work off the loop, in order, with a bound on what waits.
final class WorkQueue: Sendable {
    private let queue: DispatchQueue
    private let capacity: Int
    private let waiting = Atomic<Int>(0)

    init(_ label: String, capacity: Int) {
        queue = DispatchQueue(label: label, qos: .userInitiated)
        self.capacity = capacity
    }

    /// Work that waits or runs.
    var count: Int { waiting.load(ordering: .relaxed) }

    /// Throws `overloaded` at once when `capacity` others wait, else what the body throws.
    func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        guard waiting.add(1, ordering: .relaxed).newValue <= capacity else {
            waiting.subtract(1, ordering: .relaxed)
            throw APIError(.overloaded, "Too many requests wait to be routed or embedded.", retryAfterSeconds: 1)
        }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async {
                let result = Swift.Result { try body() }
                self.waiting.subtract(1, ordering: .relaxed)
                continuation.resume(with: result)
            }
        }
    }
}
