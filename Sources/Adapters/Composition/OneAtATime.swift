internal import Dispatch
internal import Synchronization

/// Lets threads do something one after the other, and bounds how many wait.
final class OneAtATime: Sendable {
    private let waiting = Atomic(0)
    private let semaphore = DispatchSemaphore(value: 1)

    /// Waits for its turn. Returns false at once when `most` threads wait or work already. A thread that entered has to `leave`.
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
