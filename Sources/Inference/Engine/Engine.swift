import Adapters
import Dispatch
import Foundation
import Generation
import Models
import Synchronization
import Tokenizers

/// Generates in this process: a queue of requests, threads that prepare them, and the engine thread that runs them
/// together, step by step.
public final class Engine: GenerationBackend {
    public let base: BaseModel
    public let limits: InferenceLimits
    /// Longest prompt plus answer: the model's context, or less where the KV memory holds less.
    public let contextLength: Int
    /// Longest answer of a request that names no limit.
    public let defaultAnswerTokens: Int
    private let mailbox = Mailbox<EngineMessage>()
    private let ledger = EngineLedger()
    let store: AdapterStore?
    let preparation: Preparation
    private let ended = EngineEnd()
    /// Prompts that are only looked at, one after the other.
    let inspection = DispatchQueue(label: "prompt inspection", qos: .utility)

    public var baseModelName: String { base.name }

    /// Starts the engine thread; `stop` ends it. Throws when the system has no memory for the steps and the KV memory. The KV memory is reserved now and touched as it is used.
    ///
    /// - Parameters:
    ///   - store: nil serves the base alone.
    ///   - encoder: the router's encoder, for adapters that retrieve their effect by a request's text.
    ///   - constraints: makes the constraints of requests; nil: those of the answer's form (`AnswerGrammars`).
    ///   - allocations: how often the calling thread has allocated so far, for measurements; read on the engine's thread
    ///     around the parts of a step and summed in `EngineStatistics.stepAllocations` and `deliveryAllocations`.
    ///   - observer: called on the engine's thread with each step's rows, before they are computed.
    public init(
        base: BaseModel, store: AdapterStore?, encoder: @escaping EncoderSource = { nil }, limits: InferenceLimits = .init(),
        constraints: ConstraintSource? = nil, allocations: (@Sendable () -> Int)? = nil,
        observer: StepObserver? = nil
    ) throws(BaseModelError) {
        self.base = base
        self.store = store
        self.limits = limits
        let blocks = EngineWorker.blockCount(base, limits)
        let capacity = blocks * EngineWorker.blockTokens
        contextLength = min(base.decoder.configuration.contextLength, capacity)
        defaultAnswerTokens = min(limits.defaultAnswerTokens ?? max(capacity / 4, 256), contextLength)
        let source: ConstraintSource
        if let constraints {
            source = constraints
        } else {
            source = AnswerGrammars(base.tokenizer).source()
        }
        preparation = Preparation(
            RequestPreparer(
                base: base, store: store, limits: limits, contextLength: contextLength, encoder: encoder,
                constraints: source,
                prompts: PromptBuilder(base: base, limits: limits, contextLength: contextLength)),
            isLoaded: { name in
                guard let store else { return true }
                return store.status(name)?.isInMemory == true
            }, limits: limits, mailbox: mailbox, ledger: ledger)
        let worker: EngineWorker
        do throws(ModelError) {
            worker = try EngineWorker(
                base: base, limits: limits, blocks: blocks, contextLength: contextLength, defaultAnswerTokens: defaultAnswerTokens,
                mailbox: mailbox, ledger: ledger, preparation: preparation, allocations: allocations, observer: observer)
        } catch {
            throw BaseModelError(message: "the engine of \(base.name) cannot start: \(error)")
        }
        let thread = Thread { [ended] in
            worker.run()
            ended.mark()
        }
        thread.name = "engine"
        thread.start()
    }

    public var statistics: EngineStatistics { ledger.statistics }
    var isDraining: Bool { ledger.isDraining }

    public func submit(_ submission: GenerationSubmission) { preparation.submit(submission) }

    /// Refuses new requests and calls back when the running ones are done, on some thread.
    func drain(whenIdle: @escaping @Sendable () -> Void) { ledger.drain(whenIdle: whenIdle) }

    /// Ends the engine thread. Requests that wait, are prepared or run get `failed` with `draining`; when each stream has its last
    /// event, `whenStopped` is called, on some thread.
    public func stop(whenStopped: @escaping @Sendable () -> Void) {
        ledger.drain(whenIdle: {})
        // First, so that nothing is admitted after the message to stop.
        preparation.close()
        ended.call(whenStopped)
        mailbox.put(.stop)
    }
}

/// Where an encoder comes from, which may be opened when it is first asked for; nil: there is none.
public typealias EncoderSource = @Sendable () throws -> (any TextEmbedder)?

/// Sees the rows of each step.
public typealias StepObserver = @Sendable (StepBatch) -> Void

/// Messages to the engine thread.
enum EngineMessage: Sendable {
    case admit(PreparedRequest)
    /// A stream was cancelled or has room again.
    case wake
    case stop
}

/// Whether the engine thread has ended, and who is told of it.
private final class EngineEnd: Sendable {
    private let state = Mutex<(hasEnded: Bool, callbacks: [@Sendable () -> Void])>((false, []))

    func call(_ callback: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            if !state.hasEnded { state.callbacks.append(callback) }
            return state.hasEnded
        }
        if isLate { callback() }
    }

    func mark() {
        let callbacks = state.withLock { state in
            defer { state = (true, []) }
            return state.callbacks
        }
        for callback in callbacks { callback() }
    }
}
