internal import Dispatch
internal import Synchronization

/// Lets threads do something one after the other, and only so many wait.
final class OneAtATime: Sendable {
    private let waiting = Atomic(0)
    private let semaphore = DispatchSemaphore(value: 1)

    /// Waits for those before; false, at once, when `most` wait or work already. Whoever entered has to `leave`.
    func enter(most: Int) -> Bool {
        guard waiting.add(1, ordering: .relaxed).newValue <= most else {
            waiting.subtract(1, ordering: .relaxed)
            return false
        }
        semaphore.wait()
        return true
    }

    func leave() {
        semaphore.signal()
        waiting.subtract(1, ordering: .relaxed)
    }
}
