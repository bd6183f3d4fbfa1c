import Dispatch
import Synchronization

/// A queue of messages for one thread. Any thread puts a message; one thread takes all of them at once.
final class Mailbox<Message: Sendable>: Sendable {
    private let messages = Mutex<[Message]>([])
    /// Signalled once for each time the box turns from empty to not empty.
    private let arrival = DispatchSemaphore(value: 0)
    /// Nothing was put since the last `take`.
    private let isEmpty = Atomic(true)

    func put(_ message: Message) {
        let wasEmpty = messages.withLock { messages in
            messages.append(message)
            isEmpty.store(false, ordering: .releasing)
            return messages.count == 1
        }
        if wasEmpty { arrival.signal() }
    }

    /// All messages, in order; none when there are none and `wait` is false: then it costs one load.
    func take(wait: Bool) -> [Message] {
        if wait {
            arrival.wait()
        } else if isEmpty.load(ordering: .acquiring) || arrival.wait(timeout: .now()) == .timedOut {
            return []
        }
        return messages.withLock { messages in
            defer { messages.removeAll(keepingCapacity: true) }
            isEmpty.store(true, ordering: .releasing)
            return messages
        }
    }
}
