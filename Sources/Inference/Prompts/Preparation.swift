import Adapters
import Foundation
import Generation
import Synchronization

/// From what a client sent to what the engine can run: requests wait for their turn, get their adapter and become tokens.
///
/// Only a few are ahead, prepared and holding their adapters, before the engine takes them; the rest is just what clients
/// sent, in an order that is fair between adapters. An adapter that is not in memory is waited for on threads of their own,
/// so that it holds up no request for another one. Any thread; ends in the engine's mailbox.
final class Preparation: Sendable {
    private struct Job {
        var request: GenerationRequest
        var stream: GenerationStream
        var submitted: ContinuousClock.Instant
    }

    private struct State {
        var queue = FairQueue<Job>()
        /// Prepared, or being prepared, and not taken by the engine yet.
        var ahead = 0
    }

    private let base: BaseModel
    private let store: AdapterStore?
    private let limits: InferenceLimits
    private let contextLength: Int
    /// For adapters that look up what they do.
    private let encoder: EncoderSource
    private let prompts: PromptBuilder
    private let mailbox: Mailbox<EngineMessage>
    private let ledger: EngineLedger
    private let state = Mutex(State())
    private let preparing = OperationQueue()
    private let loading = OperationQueue()

    init(
        base: BaseModel, store: AdapterStore?, encoder: @escaping EncoderSource, limits: InferenceLimits, contextLength: Int,
        mailbox: Mailbox<EngineMessage>, ledger: EngineLedger
    ) {
        self.base = base
        self.store = store
        self.encoder = encoder
        self.limits = limits
        self.contextLength = contextLength
        self.mailbox = mailbox
        self.ledger = ledger
        prompts = PromptBuilder(base: base, limits: limits)
        for (queue, threads) in [(preparing, limits.preparationThreads), (loading, limits.loadingThreads)] {
            queue.maxConcurrentOperationCount = threads
            queue.qualityOfService = .userInitiated
        }
    }

    func submit(_ request: GenerationRequest, to stream: GenerationStream) {
        var refusal = ledger.enter(limits: limits)
        if refusal?.code == .overloaded, dropCancelled() > 0 { refusal = ledger.enter(limits: limits) }
        if let refusal { return stream.send(.failed(refusal)) }
        stream.setDrainHandler { [mailbox] in mailbox.put(.wake) }
        let job = Job(request: request, stream: stream, submitted: .now)
        state.withLock { $0.queue.push(job, flow: request.merge?.label ?? request.adapter) }
        advance()
    }

    /// The engine runs this one now: another may be prepared.
    func take(_ ticket: QueueTicket) {
        state.withLock { state in
            state.queue.serve(ticket)
            state.ahead -= 1
        }
        advance()
    }

    /// One that was prepared ended before it ran.
    func leave() {
        state.withLock { $0.ahead -= 1 }
        advance()
    }

    private func dropCancelled() -> Int {
        let gone = state.withLock { $0.queue.removeAll { $0.stream.isCancelled } }
        for _ in gone { ledger.leave(.cancelled) }
        return gone.count
    }

    private func advance() {
        while true {
            let next = state.withLock { state -> (ticket: QueueTicket, element: Job)? in
                guard state.ahead < limits.preparedRequests, let next = state.queue.pop() else { return nil }
                state.ahead += 1
                return next
            }
            guard let next else { return }
            let request = next.element.request
            let queue = request.merge == nil && isAtHand(request.adapter) ? preparing : loading
            queue.addOperation { [self] in run(next.element, next.ticket) }
        }
    }

    private func isAtHand(_ adapter: String?) -> Bool {
        guard let adapter, let store else { return true }
        guard case .resident = store.status(adapter)?.state else { return false }
        return true
    }

    private func run(_ job: Job, _ ticket: QueueTicket) {
        guard !job.stream.isCancelled else {
            ledger.leave(.cancelled)
            return leave()
        }
        do throws(GenerationError) {
            mailbox.put(.admit(try prepare(job, ticket)))
        } catch {
            job.stream.send(.failed(error))
            ledger.leave(.failed)
            leave()
        }
    }

    private func prepare(_ job: Job, _ ticket: QueueTicket) throws(GenerationError) -> PreparedRequest {
        let request = job.request
        try checkStops(request.stop)
        try checkBias(request.sampling.logitBias)
        let loadStart = ContinuousClock.now
        let adapter = try pin(request)
        let loadMilliseconds = (ContinuousClock.now - loadStart) / .milliseconds(1)
        let tokens = try prompts.tokens(of: request.prompt, adapter: adapter)
        let room = contextLength - tokens.count
        guard room > 0, request.maxTokens ?? 0 <= room else {
            let wanted = request.maxTokens.map { " and \($0) for the answer" } ?? ""
            throw GenerationError(
                .contextLengthExceeded,
                "the context holds \(contextLength) tokens; the prompt has \(tokens.count)\(wanted)")
        }
        return PreparedRequest(
            request: request, stream: job.stream, tokens: tokens, adapter: adapter,
            effect: try effect(of: adapter, on: request.prompt, promptTokens: tokens.count), ticket: ticket, submitted: job.submitted,
            loadMilliseconds: loadMilliseconds)
    }

    /// What the adapter does to this prompt.
    private func effect(
        of adapter: PinnedAdapter?, on prompt: GenerationRequest.Prompt, promptTokens: Int
    ) throws(GenerationError) -> RequestEffect {
        guard let adapter else { return .base }
        guard let retrieval = adapter.retrieval else { return .whole(adapter) }
        let vector: [Float]
        do {
            guard let embedder = try encoder(), embedder.dimension == retrieval.dimension else {
                let found = try encoder().map { "\($0.name) makes vectors of \($0.dimension)" } ?? "there is none"
                throw GenerationError(
                    .adapterRejected, "adapter \(adapter.name) needs an encoder of \(retrieval.dimension) dimensions; \(found)")
            }
            vector = try embedder.embed([prompts.question(of: prompt)]).vectors
        } catch let error as GenerationError {
            throw error
        } catch {
            throw GenerationError(.internalFailure, "the encoder failed: \(error)")
        }
        guard let found = retrieval.retrieve(vector) else { return .base }
        return .retrieved(found.delta, promptTokens: promptTokens)
    }

    private func checkBias(_ bias: [Int32: Float]) throws(GenerationError) {
        let vocabulary = Int32(base.decoder.configuration.vocabulary)
        guard let wrong = bias.keys.filter({ $0 < 0 || $0 >= vocabulary }).min() else { return }
        throw GenerationError(
            .invalidRequest,
            "token id \(wrong) of logit_bias is not in the vocabulary; ids go from 0 to \(vocabulary - 1)")
    }

    private func checkStops(_ stops: [String]) throws(GenerationError) {
        guard stops.count <= limits.stopStrings, stops.allSatisfy({ $0.utf8.count <= limits.stopStringBytes }) else {
            throw GenerationError(
                .invalidRequest,
                "at most \(limits.stopStrings) stop strings of \(limits.stopStringBytes) bytes each are taken")
        }
    }

    private func pin(_ request: GenerationRequest) throws(GenerationError) -> PinnedAdapter? {
        if request.merge == nil, request.adapter == nil { return nil }
        guard let store else {
            throw GenerationError(.adapterNotFound, "there is no adapter `\(request.merge?.label ?? request.adapter ?? "")`")
        }
        do {
            if let merge = request.merge { return try store.acquire(merge).scaled(by: request.scale) }
            return try request.adapter.map { (name) throws(AdapterError) in try store.acquire(name).scaled(by: request.scale) }
        } catch {
            switch error.code {
            case .notFound: throw GenerationError(.adapterNotFound, "there is no adapter `\(error.adapter ?? "")`")
            // The adapter is as good as before: what was asked of it is not.
            case .unsupported where request.merge != nil || request.scale != 1:
                throw GenerationError(.invalidRequest, "\(error)")
            // The system is short of something, or the adapters folder is away: the adapter may be fine.
            case .unavailable: throw GenerationError(.overloaded, "\(error)")
            default: throw GenerationError(.adapterRejected, "\(error)")
            }
        }
    }
}
