import Synchronization

/// The bounded mailbox between one request's producer (a backend's thread) and its consumer (the loop).
///
/// The producer never blocks. Before it plans more work for the request, it reads `isSaturated`, and leaves the request out of the
/// step while the consumer is behind: a slow reader slows only its own stream. The last event is always accepted. Cancellation is a
/// flag that the producer reads before each step.
public final class GenerationStream: Sendable {
    private struct State {
        var events: [GenerationEvent] = []
        var started = false
        var ended = false
        var onDrain: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    // Written under the lock, read without it: the producer reads it at every step.
    private let waiting = Atomic(0)
    private let cancelled = Atomic(false)
    private let expired = Atomic(false)
    private let capacity: Int
    private let onEvents: @Sendable () -> Void

    /// - Parameters:
    ///   - capacity: events that may wait before the stream counts as saturated.
    ///   - onEvents: called on the producer's thread when the mailbox turns from empty to not empty; it should only wake
    ///     the consumer.
    public init(capacity: Int = 64, onEvents: @escaping @Sendable () -> Void) {
        precondition(capacity > 0, "a stream holds at least one event")
        self.capacity = capacity
        self.onEvents = onEvents
    }

    // MARK: Producer

    /// Called on the consumer's thread whenever it cancels, lets expire or takes events out of a saturated mailbox, so that a
    /// sleeping engine wakes.
    public func setDrainHandler(_ handler: @escaping @Sendable () -> Void) {
        state.withLock { $0.onDrain = handler }
    }

    public var isSaturated: Bool { waiting.load(ordering: .acquiring) >= capacity }
    public var isCancelled: Bool { cancelled.load(ordering: .acquiring) }
    /// The consumer wants no more: the producer finishes with `length` before its next step.
    public var isExpired: Bool { expired.load(ordering: .acquiring) }

    /// Appends an event; ignored after the end or after cancellation.
    public func send(_ event: GenerationEvent) {
        let wake = state.withLock { state in
            guard !state.ended, !isCancelled else { return false }
            switch event {
            case .finished, .failed: state.ended = true
            case .started: state.started = true
            case .routed, .delta, .reasoning, .toolCall, .prompt: break
            }
            state.events.append(event)
            waiting.store(state.events.count, ordering: .releasing)
            return state.events.count == 1
        }
        if wake { onEvents() }
    }

    /// `finished` or `failed` was sent.
    public var hasEnded: Bool { state.withLock { $0.ended } }

    // MARK: Consumer

    /// Takes all waiting events.
    public func drain() -> [GenerationEvent] {
        let (events, notify) = state.withLock { state in
            let taken = state.events
            state.events.removeAll(keepingCapacity: true)
            waiting.store(0, ordering: .releasing)
            return (taken, taken.count >= capacity && !state.ended ? state.onDrain : nil)
        }
        notify?()
        return events
    }

    /// The time of the request is over. True: it has started and ends with what it has; its last event follows. False: it had not
    /// started and is cancelled; nothing follows.
    @discardableResult
    public func expire() -> Bool {
        let (hasStarted, notify) = state.withLock { state in
            expired.store(true, ordering: .releasing)
            if !state.started, !state.ended { cancel(&state) }
            return (state.started || state.ended, state.ended ? nil : state.onDrain)
        }
        notify?()
        return hasStarted
    }

    /// The consumer is gone: nothing more is delivered and the producer stops before its next step.
    public func cancel() {
        let notify = state.withLock { state in
            cancel(&state)
            return state.ended ? nil : state.onDrain
        }
        notify?()
    }

    private func cancel(_ state: inout State) {
        cancelled.store(true, ordering: .releasing)
        state.events.removeAll()
        waiting.store(0, ordering: .releasing)
    }
}
