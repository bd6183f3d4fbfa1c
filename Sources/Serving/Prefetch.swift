internal import Dispatch
import Generation
internal import Synchronization

/// Loads adapters as soon as they are chosen, while their requests still wait in the backend's queue. Any thread.
///
/// Each adapter is loaded once, however many requests name it; a few at a time; and when too many wait, further ones are dropped and
/// counted: their requests load them.
public final class Prefetch: Sendable {
    public struct Counters: Sendable, Equatable {
        public var waiting = 0
        public var running = 0
        public var loaded = 0
        public var failed = 0
        /// Not loaded ahead because too many waited.
        public var dropped = 0
    }

    private struct State {
        /// Waits or loads.
        var names: Set<String> = []
        /// First come, first loaded.
        var waiting: [String] = []
        var counters = Counters()
    }

    private let limits: ServingLimits
    private let load: @Sendable (String) throws(GenerationError) -> Void
    private let failed: @Sendable (String, GenerationError) -> Void
    private let queue = DispatchQueue(label: "lmoe.prefetch", qos: .userInitiated, attributes: .concurrent)
    private let state = Mutex(State())

    /// - Parameter load: may block; called on at most `prefetchThreads` threads at a time.
    init(
        _ limits: ServingLimits, load: @escaping @Sendable (String) throws(GenerationError) -> Void,
        failed: @escaping @Sendable (String, GenerationError) -> Void
    ) {
        self.limits = limits
        self.load = load
        self.failed = failed
    }

    var counters: Counters { state.withLock { $0.counters } }

    /// Returns at once.
    func start(_ adapter: String) {
        let begins = state.withLock { state in
            guard !state.names.contains(adapter) else { return false }
            if state.counters.running < limits.prefetchThreads {
                state.names.insert(adapter)
                state.counters.running += 1
                return true
            }
            guard state.waiting.count < limits.waitingPrefetches else {
                state.counters.dropped += 1
                return false
            }
            state.names.insert(adapter)
            state.waiting.append(adapter)
            state.counters.waiting = state.waiting.count
            return false
        }
        if begins { queue.async { [self] in run(adapter) } }
    }

    /// An adapter that turned out to be gone is not loaded, unless that has begun.
    func drop(_ adapter: String) {
        state.withLock { state in
            guard let index = state.waiting.firstIndex(of: adapter) else { return }
            state.waiting.remove(at: index)
            state.names.remove(adapter)
            state.counters.waiting = state.waiting.count
        }
    }

    private func run(_ first: String) {
        var next: String? = first
        while let adapter = next {
            var failure: GenerationError?
            do {
                try load(adapter)
            } catch {
                failure = error
                failed(adapter, error)
            }
            next = state.withLock { state in
                state.names.remove(adapter)
                if failure == nil { state.counters.loaded += 1 } else { state.counters.failed += 1 }
                guard !state.waiting.isEmpty else {
                    state.counters.running -= 1
                    return nil
                }
                defer { state.counters.waiting = state.waiting.count }
                return state.waiting.removeFirst()
            }
        }
    }
}
