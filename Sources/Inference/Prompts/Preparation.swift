import Adapters
import Foundation
import Generation
import Synchronization

/// The requests that are not the engine's yet: they wait, get their adapter and become tokens.
///
/// Only a few are prepared and hold their adapters before the engine takes them; the rest is what clients sent, in an order that
/// is fair between adapters. One adapter gets only some of the threads, so that a slow template delays no other adapter. An
/// adapter that is not in memory is waited for on other threads. Any thread; ends in the engine's mailbox.
final class Preparation: Sendable {
    /// One sequence of a prompt.
    private struct Job: Sendable {
        var prompt: PromptPreparation
        /// Among the prompt's sequences.
        var index: Int
        var stream: GenerationStream
        var submitted: ContinuousClock.Instant
        /// The adapter that was to answer when it was queued.
        var adapter: String?
        var flow: String?

        init(_ prompt: PromptPreparation, _ index: Int, stream: GenerationStream) {
            (self.prompt, self.index, self.stream) = (prompt, index, stream)
            submitted = .now
            follow()
        }

        /// Takes the adapter that is to answer now.
        mutating func follow() {
            let request = prompt.request(index)
            adapter = request.adapter
            flow = request.merge?.label ?? request.adapter
        }
    }

    private struct State {
        var queue = FairQueue<Job>()
        /// Prepared, or being prepared, and not taken by the engine yet.
        var ahead = 0
        var preparing = ThreadShares()
        var loading = ThreadShares()
        /// The jobs that threads prepare, by the arrival in their ticket.
        var jobs: [UInt64: Job] = [:]
        var isClosed = false
    }

    let preparer: RequestPreparer
    private let isLoaded: @Sendable (String) -> Bool
    private let limits: InferenceLimits
    private let mailbox: Mailbox<EngineMessage>
    private let ledger: EngineLedger
    private let state: Mutex<State>
    private let threads = OperationQueue()
    /// Looks for the next job; asks the adapter store, which the engine's thread must not.
    private let coordinator = DispatchQueue(label: "preparation", qos: .userInitiated)

    /// - Parameter isLoaded: whether an adapter is in memory.
    init(
        _ preparer: RequestPreparer, isLoaded: @escaping @Sendable (String) -> Bool, limits: InferenceLimits,
        mailbox: Mailbox<EngineMessage>, ledger: EngineLedger
    ) {
        self.preparer = preparer
        self.isLoaded = isLoaded
        self.limits = limits
        self.mailbox = mailbox
        self.ledger = ledger
        var state = State()
        state.preparing = ThreadShares(threads: limits.preparationThreads, perFlow: (limits.preparationThreads + 1) / 2)
        state.loading = ThreadShares(threads: limits.loadingThreads, perFlow: 1)
        self.state = Mutex(state)
        threads.maxConcurrentOperationCount = limits.preparationThreads + limits.loadingThreads
        threads.qualityOfService = .userInitiated
    }

    /// Takes all sequences of a prompt, or none.
    func submit(_ submission: GenerationSubmission) {
        let count = submission.choices.count
        var refusal = ledger.enter(count, limits: limits)
        if refusal?.code == .overloaded, dropCancelled() > 0 { refusal = ledger.enter(count, limits: limits) }
        if let refusal {
            for choice in submission.choices { choice.stream.send(.failed(refusal)) }
            return
        }
        let prompt = PromptPreparation(submission, preparer: preparer)
        let jobs = submission.choices.enumerated().map { index, choice in
            choice.stream.setDrainHandler { [mailbox] in mailbox.put(.wake) }
            return Job(prompt, index, stream: choice.stream)
        }
        let isClosed = state.withLock { state in
            if !state.isClosed { for job in jobs { state.queue.push(job, flow: job.flow) } }
            return state.isClosed
        }
        if isClosed {
            for job in jobs { fail(job, limits.draining) }
        } else {
            advance()
        }
    }

    /// The engine runs this one now: another may be prepared.
    func take(_ ticket: QueueTicket) {
        state.withLock { state in
            state.queue.serve(ticket)
            state.ahead -= 1
        }
        coordinator.async { self.advance() }
    }

    /// One that was prepared ended before it ran.
    func leave() {
        state.withLock { $0.ahead -= 1 }
        coordinator.async { self.advance() }
    }

    /// Fails all requests that are not the engine's yet, and those that come later.
    func close() {
        let jobs = state.withLock { state in
            state.isClosed = true
            defer { state.jobs = [:] }
            return Array(state.jobs.values) + state.queue.removeAll { _ in true }
        }
        for job in jobs { fail(job, limits.draining) }
    }

    private func fail(_ job: Job, _ error: GenerationError) {
        job.stream.send(.failed(error))
        ledger.leave(.failed)
    }

    private func dropCancelled() -> Int {
        let gone = state.withLock { $0.queue.removeAll { $0.stream.isCancelled } }
        for _ in gone { ledger.leave(.cancelled) }
        return gone.count
    }

    /// Starts as many jobs as there are threads for.
    private func advance() {
        // Asked without the lock, which the engine's thread takes, too.
        let flows = state.withLock { $0.ahead < limits.preparedRequests ? $0.queue.flows : [] }
        let loaded = flows.filter { $0.map(isLoaded) ?? true }
        while let next = next(loaded: loaded) {
            threads.addOperation { [self] in run(next.job, next.ticket, isLoading: next.isLoading) }
        }
    }

    private func next(loaded: Set<String?>) -> (job: Job, ticket: QueueTicket, isLoading: Bool)? {
        state.withLock { state in
            guard !state.isClosed, state.ahead < limits.preparedRequests else { return nil }
            let (preparing, loading) = (state.preparing, state.loading)
            let next = state.queue.pop { loaded.contains($0) ? preparing.hasRoom(for: $0) : loading.hasRoom(for: $0) }
            guard let next else { return nil }
            let flow = next.element.flow
            let isLoading = !loaded.contains(flow)
            if isLoading { state.loading.take(flow) } else { state.preparing.take(flow) }
            state.ahead += 1
            state.jobs[next.ticket.arrival] = next.element
            return (next.element, next.ticket, isLoading)
        }
    }

    private func run(_ job: Job, _ ticket: QueueTicket, isLoading: Bool) {
        finish(job, ticket, isLoading: isLoading, outcome(of: job, ticket))
        advance()
    }

    private enum Outcome {
        case ready(PreparedRequest)
        /// It waits again, for another adapter.
        case queued(Job)
        case cancelled
        case failed(GenerationError)
    }

    private func outcome(of job: Job, _ ticket: QueueTicket) -> Outcome {
        if job.stream.isCancelled { return .cancelled }
        switch job.prompt.prepare(job.index, queuedFor: job.adapter) {
        case .failed(let error): return .failed(error)
        case .moved:
            var moved = job
            moved.follow()
            return .queued(moved)
        case .ready(let prompt):
            let request = job.prompt.request(job.index)
            do throws(GenerationError) {
                return .ready(
                    PreparedRequest(
                        request: request, stream: job.stream, prompt: prompt, constraint: try preparer.constraint(of: request, prompt),
                        ticket: ticket, submitted: job.submitted))
            } catch {
                return .failed(error)
            }
        }
    }

    private func finish(_ job: Job, _ ticket: QueueTicket, isLoading: Bool, _ outcome: Outcome) {
        let isOpen = state.withLock { state in
            if isLoading { state.loading.giveBack(job.flow) } else { state.preparing.giveBack(job.flow) }
            guard state.jobs.removeValue(forKey: ticket.arrival) != nil else { return false }
            // Under the lock, so that nothing is admitted after `close`.
            if case .ready(let prepared) = outcome { mailbox.put(.admit(prepared)) } else { state.ahead -= 1 }
            // It keeps its place among the requests that the engine has taken.
            if case .queued(let moved) = outcome { state.queue.push(moved, flow: moved.flow) }
            return true
        }
        guard isOpen else { return }
        switch outcome {
        case .ready, .queued: break
        case .cancelled: ledger.leave(.cancelled)
        case .failed(let error): fail(job, error)
        }
    }
}
