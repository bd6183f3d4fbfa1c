import Generation
import Models
import Tensors

/// The engine thread: it owns the KV memory and the running sequences, plans a step, runs it, hands out the tokens.
///
/// `@unchecked Sendable`: made on one thread and handed to the engine thread, which alone calls `run`; everything mutable
/// is touched in `run` only.
final class EngineWorker: @unchecked Sendable {
    static let blockTokens = KeyValueCache.blockTokens

    let base: BaseModel
    let limits: InferenceLimits
    let ledger: EngineLedger
    let cache: KeyValueCache
    var blocks: KeyValueBlocks
    /// In the order of their admission.
    var active: [RunningSequence] = []
    /// Number of the step.
    var stepNumber = 0
    /// What a step plans with, reused from step to step.
    var work: StepWork
    private let contextLength: Int
    private let mailbox: Mailbox<EngineMessage>
    private let preparation: Preparation
    /// In the order of their turns; those that lost their memory to others have early ones.
    private var waiting: [RunningSequence] = []
    private var isStopping = false
    /// Some request ended since the last admissions, so that a waiting one may fit now.
    private var hasFreedMemory = false
    private var seeds = SystemRandomNumberGenerator()

    init(
        base: BaseModel, limits: InferenceLimits, blocks count: Int, contextLength: Int, mailbox: Mailbox<EngineMessage>,
        ledger: EngineLedger, preparation: Preparation, allocations: (@Sendable () -> Int)?
    ) {
        self.base = base
        self.limits = limits
        self.contextLength = contextLength
        self.mailbox = mailbox
        self.ledger = ledger
        self.preparation = preparation
        cache = base.decoder.makeCache(blocks: count)
        blocks = KeyValueBlocks(blocks: count, blockTokens: Self.blockTokens)
        work = StepWork(base: base, limits: limits, allocations: allocations)
        ledger.update { $0.keyValueBlocks = count }
    }

    /// What the limit affords, but no more than all sequences could use.
    static func blockCount(_ base: BaseModel, _ limits: InferenceLimits) -> Int {
        let wholeContext = (base.decoder.configuration.contextLength + blockTokens - 1) / blockTokens
        let affordable = limits.keyValueBytes / base.decoder.makeCache(blocks: 0).blockBytes
        return max(min(affordable, wholeContext * limits.activeSequences), 1)
    }

    func run() {
        while true {
            receive()
            if isStopping { return }
            dropCancelled()
            endExpired()
            if !waiting.isEmpty { admit() }
            if step() { stepNumber += 1 }
        }
    }

    // MARK: Arrivals

    private func receive() {
        let isRunnable = active.contains { !$0.stream.isSaturated } || (hasFreedMemory && !waiting.isEmpty)
        for message in mailbox.take(wait: !isRunnable) {
            switch message {
            case .admit(let prepared): enqueue(sequence(prepared))
            case .wake: break
            case .stop: isStopping = true
            }
        }
        guard isStopping else { return }
        let error = GenerationError(.draining, "the server is stopping", retryAfterSeconds: limits.retryAfterSeconds)
        for sequence in waiting + active { end(sequence, .failed(error), .failed) }
        waiting = []
        active = []
    }

    private func sequence(_ prepared: PreparedRequest) -> RunningSequence {
        let request = prepared.request
        let room = request.maxTokens.map { prepared.tokens.count + $0 } ?? contextLength
        return RunningSequence(
            prepared: prepared, seed: seeds.next(), emitter: TextEmitter(base.tokenizer, stop: request.stop),
            tokenLimit: min(room, contextLength))
    }

    private func enqueue(_ sequence: RunningSequence) {
        let place = waiting.firstIndex { sequence.ticket < $0.ticket } ?? waiting.endIndex
        waiting.insert(sequence, at: place)
    }

    private func dropCancelled() {
        guard waiting.contains(where: \.stream.isCancelled) || active.contains(where: \.stream.isCancelled) else { return }
        for sequence in waiting + active where sequence.stream.isCancelled { end(sequence, nil, .cancelled) }
        waiting.removeAll { $0.isEnded }
        active.removeAll { $0.isEnded }
    }

    /// Those that have started keep what they have; others are their consumer's to cancel.
    private func endExpired() {
        func isOver(_ sequence: RunningSequence) -> Bool { sequence.hasStarted && sequence.stream.isExpired }
        guard waiting.contains(where: isOver) || active.contains(where: isOver) else { return }
        for sequence in waiting + active where isOver(sequence) { finish(sequence, .length) }
        waiting.removeAll { $0.isEnded }
    }

    /// In the order of their turns, while there is memory for the whole prompt and the next token, and a block more for
    /// each running sequence: who is admitted should not have to give way again at once.
    private func admit() {
        hasFreedMemory = false
        while let sequence = waiting.first, active.count < limits.activeSequences {
            sequence.table = blocks.takePrefix(of: sequence.tokens, version: sequence.effect.version, limit: sequence.effect.sharedTokens)
            let missing = blocks.blockCount(tokens: sequence.tokens.count + 1) - sequence.table.blocks.count
            guard missing + active.count <= blocks.availableCount || active.isEmpty else {
                blocks.release(&sequence.table)
                return
            }
            waiting.removeFirst()
            sequence.computed = sequence.table.blocks.count * Self.blockTokens
            sequence.isActive = true
            active.append(sequence)
            if !sequence.hasStarted { start(sequence) }
        }
    }

    private func start(_ sequence: RunningSequence) {
        sequence.hasStarted = true
        sequence.cachedTokens = sequence.computed
        sequence.admitted = .now
        ledger.admit(promptTokens: sequence.promptCount, cachedTokens: sequence.cachedTokens)
        preparation.take(sequence.ticket)
        sequence.stream.send(
            .started(
                GenerationStart(
                    adapter: sequence.adapter?.name, adapterVersion: sequence.adapter?.version,
                    promptTokens: sequence.promptCount, cachedTokens: sequence.cachedTokens)))
    }

    /// Its blocks go to others; what was computed is computed again later, with the same result.
    func preempt(_ sequence: RunningSequence) {
        blocks.release(&sequence.table)
        sequence.computed = 0
        sequence.isActive = false
        enqueue(sequence)
        ledger.update { $0.preemptions += 1 }
    }

    // MARK: Ends

    func finish(_ sequence: RunningSequence, _ reason: FinishReason) {
        if let event = sequence.emitter.finish() { sequence.stream.send(event) }
        let now = ContinuousClock.now
        let first = sequence.firstToken ?? now
        sequence.timings.queueMilliseconds =
            (sequence.admitted - sequence.submitted) / .milliseconds(1) - sequence.timings.loadMilliseconds
        sequence.timings.prefillMilliseconds = (first - sequence.admitted) / .milliseconds(1)
        sequence.timings.decodeMilliseconds = (now - first) / .milliseconds(1)
        active.removeAll { $0 === sequence }
        // Merges have no bounded number of names.
        let name = sequence.request.merge == nil ? sequence.adapter?.name ?? "base" : "merged"
        ledger.update { statistics in
            statistics.generatedTokens += sequence.completionCount
            statistics.generatedTokensByAdapter[name, default: 0] += sequence.completionCount
        }
        end(sequence, .finished(reason, sequence.usage, sequence.timings), .finished)
    }

    private func end(_ sequence: RunningSequence, _ event: GenerationEvent?, _ outcome: EngineLedger.Outcome) {
        blocks.release(&sequence.table)
        sequence.isActive = false
        sequence.isEnded = true
        hasFreedMemory = true
        if let event { sequence.stream.send(event) }
        if sequence.hasStarted {
            ledger.retire(outcome)
        } else {
            ledger.leave(outcome)
            preparation.leave()
        }
    }
}
