import Adapters
import Foundation
import Generation
import Synchronization

/// Generates in this process: a queue of requests, threads that prepare them, and the engine thread that runs them
/// together, step by step.
public final class Engine: GenerationBackend {
    public let base: BaseModel
    public let limits: InferenceLimits
    /// Longest prompt plus answer: the model's context, or less where the KV memory holds less.
    public let contextLength: Int
    private let store: AdapterStore?
    private let prompts: PromptBuilder
    private let mailbox = Mailbox<EngineMessage>()
    private let ledger = EngineLedger()
    private let preparation = OperationQueue()

    public var baseModelName: String { base.name }

    /// Starts the engine thread; `stop` ends it. The KV memory is reserved now and touched as it is used.
    ///
    /// - Parameter store: nil serves the base alone.
    public init(base: BaseModel, store: AdapterStore?, limits: InferenceLimits = .init()) {
        self.base = base
        self.store = store
        self.limits = limits
        prompts = PromptBuilder(base: base, limits: limits)
        preparation.maxConcurrentOperationCount = limits.preparationThreads
        preparation.qualityOfService = .userInitiated
        let worker = EngineWorker(base: base, limits: limits, mailbox: mailbox, ledger: ledger)
        contextLength = worker.contextLength
        let thread = Thread { worker.run() }
        thread.name = "engine"
        thread.start()
    }

    public var statistics: EngineStatistics { ledger.statistics }

    public func submit(_ request: GenerationRequest, to stream: GenerationStream) {
        if let refusal = ledger.enter(limits: limits) {
            stream.send(.failed(refusal))
            return
        }
        let submitted = ContinuousClock.now
        stream.setDrainHandler { [mailbox] in mailbox.put(.wake) }
        preparation.addOperation { [self] in
            guard !stream.isCancelled else { return ledger.leave(.cancelled) }
            do throws(GenerationError) {
                mailbox.put(.admit(try prepare(request, stream, submitted)))
            } catch {
                stream.send(.failed(error))
                ledger.leave(.failed)
            }
        }
    }

    /// Refuses new requests and calls back when the running ones are done, on some thread.
    public func drain(whenIdle: @escaping @Sendable () -> Void) { ledger.drain(whenIdle: whenIdle) }

    /// Ends the engine thread; requests that still run fail with `draining`.
    public func stop() {
        ledger.drain(whenIdle: {})
        mailbox.put(.stop)
    }

    private func prepare(
        _ request: GenerationRequest, _ stream: GenerationStream, _ submitted: ContinuousClock.Instant
    ) throws(GenerationError) -> PreparedRequest {
        try checkStops(request.stop)
        try checkBias(request.sampling.logitBias)
        let loadStart = ContinuousClock.now
        let adapter = try pin(request.adapter)
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
            request: request, stream: stream, tokens: tokens, adapter: adapter, submitted: submitted,
            loadMilliseconds: loadMilliseconds)
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

    private func pin(_ name: String?) throws(GenerationError) -> PinnedAdapter? {
        guard let name else { return nil }
        guard let store else { throw GenerationError(.adapterNotFound, "there is no adapter `\(name)`") }
        do {
            return try store.acquire(name)
        } catch {
            switch error.code {
            case .notFound: throw GenerationError(.adapterNotFound, "there is no adapter `\(name)`")
            default: throw GenerationError(.adapterRejected, "\(error)")
            }
        }
    }
}

/// What other threads tell the engine thread.
enum EngineMessage: Sendable {
    case admit(PreparedRequest)
    /// A stream was cancelled or has room again.
    case wake
    case stop
}
