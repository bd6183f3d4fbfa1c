import Generation
import Synchronization

/// The engine's counts of requests, and whether it takes new ones. Any thread.
final class EngineLedger: Sendable {
    enum Outcome { case finished, failed, cancelled }

    private struct State {
        var statistics = EngineStatistics()
        /// Accepted and not ended.
        var inside = 0
        var isDraining = false
        var whenIdle: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())
    /// Written by the engine's thread at every step, without a lock.
    let steps = StepCounters()

    var statistics: EngineStatistics {
        var statistics = state.withLock { $0.statistics }
        steps.write(to: &statistics)
        return statistics
    }

    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Counts the requests of a prompt in, or says why they can't be taken.
    func enter(_ count: Int, limits: InferenceLimits) -> GenerationError? {
        state.withLock { state in
            if state.isDraining { return limits.draining }
            guard state.inside + count <= limits.activeSequences + limits.queuedRequests else {
                return GenerationError(
                    .overloaded, "\(limits.activeSequences) requests run and \(limits.queuedRequests) wait already",
                    retryAfterSeconds: limits.retryAfterSeconds)
            }
            state.inside += count
            state.statistics.queuedRequests += count
            return nil
        }
    }

    /// A request ended before its first step.
    func leave(_ outcome: Outcome) { end(outcome) { $0.queuedRequests -= 1 } }

    /// A request takes part in steps now.
    func admit(promptTokens: Int, cachedTokens: Int) {
        state.withLock { state in
            state.statistics.queuedRequests -= 1
            state.statistics.activeSequences += 1
            state.statistics.promptTokens += promptTokens
            state.statistics.cachedTokens += cachedTokens
        }
    }

    /// A request that took part in steps ended.
    func retire(_ outcome: Outcome) { end(outcome) { $0.activeSequences -= 1 } }

    /// For events that happen less often than once a step.
    func update(_ change: (inout EngineStatistics) -> Void) { state.withLock { change(&$0.statistics) } }

    func drain(whenIdle: @escaping @Sendable () -> Void) {
        let isIdle = state.withLock { state in
            state.isDraining = true
            if state.inside > 0 { state.whenIdle.append(whenIdle) }
            return state.inside == 0
        }
        if isIdle { whenIdle() }
    }

    private func end(_ outcome: Outcome, _ count: (inout EngineStatistics) -> Void) {
        let callbacks = state.withLock { state in
            count(&state.statistics)
            switch outcome {
            case .finished: state.statistics.finishedRequests += 1
            case .failed: state.statistics.failedRequests += 1
            case .cancelled: state.statistics.cancelledRequests += 1
            }
            state.inside -= 1
            guard state.inside == 0, state.isDraining else { return [@Sendable () -> Void]() }
            defer { state.whenIdle = [] }
            return state.whenIdle
        }
        for callback in callbacks { callback() }
    }
}
