import Adapters
import Foundation
import Generation

/// Generates in this process: a queue of requests, threads that prepare them, and the engine thread that runs them
/// together, step by step.
public final class Engine: GenerationBackend {
    public let base: BaseModel
    public let limits: InferenceLimits
    /// Longest prompt plus answer: the model's context, or less where the KV memory holds less.
    public let contextLength: Int
    private let mailbox = Mailbox<EngineMessage>()
    private let ledger = EngineLedger()
    private let preparation: Preparation

    public var baseModelName: String { base.name }

    /// Starts the engine thread; `stop` ends it. The KV memory is reserved now and touched as it is used.
    ///
    /// - Parameters:
    ///   - store: nil serves the base alone.
    ///   - encoder: the router's, for adapters that look up what they do by a request's text.
    ///   - allocations: how often the calling thread has allocated so far, for measurements; read on the engine's thread
    ///     around the parts of a step and summed in `EngineStatistics.stepAllocations` and `deliveryAllocations`.
    public init(
        base: BaseModel, store: AdapterStore?, encoder: @escaping EncoderSource = { nil }, limits: InferenceLimits = .init(),
        allocations: (@Sendable () -> Int)? = nil
    ) {
        self.base = base
        self.limits = limits
        let blocks = EngineWorker.blockCount(base, limits)
        contextLength = min(base.decoder.configuration.contextLength, blocks * EngineWorker.blockTokens)
        preparation = Preparation(
            base: base, store: store, encoder: encoder, limits: limits, contextLength: contextLength, mailbox: mailbox,
            ledger: ledger)
        let worker = EngineWorker(
            base: base, limits: limits, blocks: blocks, contextLength: contextLength, mailbox: mailbox, ledger: ledger,
            preparation: preparation, allocations: allocations)
        let thread = Thread { worker.run() }
        thread.name = "engine"
        thread.start()
    }

    public var statistics: EngineStatistics { ledger.statistics }

    public func submit(_ request: GenerationRequest, to stream: GenerationStream) {
        preparation.submit(request, to: stream)
    }

    /// Refuses new requests and calls back when the running ones are done, on some thread.
    public func drain(whenIdle: @escaping @Sendable () -> Void) { ledger.drain(whenIdle: whenIdle) }

    /// Ends the engine thread; requests that still run fail with `draining`.
    public func stop() {
        ledger.drain(whenIdle: {})
        mailbox.put(.stop)
    }
}

/// Where an encoder comes from, which may be opened when it is first asked for; nil: there is none.
public typealias EncoderSource = @Sendable () throws -> (any TextEmbedder)?

/// What other threads tell the engine thread.
enum EngineMessage: Sendable {
    case admit(PreparedRequest)
    /// A stream was cancelled or has room again.
    case wake
    case stop
}
