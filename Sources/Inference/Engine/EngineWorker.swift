import Dispatch
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
    /// The memory of its steps.
    let workspace: StepWorkspace
    var roster: SequenceRoster
    /// Number of the step that is next.
    var stepNumber = 0
    /// The memory of a step's plan, reused from step to step.
    var work: StepWork
    let observer: StepObserver?
    private let contextLength: Int
    private let defaultAnswerTokens: Int
    private let mailbox: Mailbox<EngineMessage>
    private let preparation: Preparation
    /// Frees adapters: that takes the store's lock and may unmap memory.
    private let releases = DispatchQueue(label: "adapter releases", qos: .utility)
    /// Where the pool's cores are shared with background work.
    private var foreground: ForegroundSteps?
    private var isStopping = false
    private var seeds = SystemRandomNumberGenerator()

    init(
        base: BaseModel, limits: InferenceLimits, blocks count: Int, contextLength: Int, defaultAnswerTokens: Int,
        mailbox: Mailbox<EngineMessage>, ledger: EngineLedger, preparation: Preparation, allocations: (@Sendable () -> Int)?,
        observer: StepObserver?
    ) throws(ModelError) {
        self.base = base
        self.limits = limits
        self.contextLength = contextLength
        self.defaultAnswerTokens = defaultAnswerTokens
        self.mailbox = mailbox
        self.ledger = ledger
        self.preparation = preparation
        self.observer = observer
        cache = try base.decoder.makeCache(blocks: count)
        workspace = try base.makeWorkspace(maximumRows: limits.maximumRows)
        roster = SequenceRoster(
            slots: limits.activeSequences, blocks: KeyValueBlocks(blocks: count, blockTokens: Self.blockTokens))
        work = try StepWork(base: base, limits: limits, allocations: allocations)
        foreground = base.pool.share.map(ForegroundSteps.init)
        ledger.update { $0.keyValueBlocks = count }
    }

    /// As many as the byte limit allows, but no more than all sequences could use.
    static func blockCount(_ base: BaseModel, _ limits: InferenceLimits) -> Int {
        let wholeContext = (base.decoder.configuration.contextLength + blockTokens - 1) / blockTokens
        let affordable = limits.keyValueBytes / base.decoder.cacheBlockBytes()
        return max(min(affordable, wholeContext * limits.activeSequences), 1)
    }

    func run() {
        defer { foreground?.end() }
        while true {
            receive()
            if isStopping { return }
            dropCancelled()
            endExpired()
            if roster.isAdmissionDue(step: stepNumber) { admit() }
            guard step() else { continue }
            stepNumber += 1
            foreground?.stepEnded()
        }
    }

    // MARK: Arrivals

    private func receive() {
        let isIdle = !roster.isRunnable
        if isIdle { foreground?.end() }
        let messages = mailbox.take(wait: isIdle)
        if isIdle { foreground?.begin() }
        for message in messages {
            switch message {
            case .admit(let prepared): roster.enqueue(sequence(prepared))
            case .wake: roster.noteWake()
            case .stop: isStopping = true
            }
        }
        guard isStopping else { return }
        for sequence in roster.waiting + roster.active { end(sequence, .failed(limits.draining), .failed) }
    }

    private func sequence(_ prepared: PreparedRequest) -> RunningSequence {
        let request = prepared.request
        let most = min(prepared.prompt.tokens.count + (request.maxTokens ?? defaultAnswerTokens), contextLength)
        return RunningSequence(
            prepared: prepared, seed: seeds.next(), vocabulary: base.decoder.configuration.vocabulary,
            emitter: TextEmitter(
                prepared.prompt.tokenizer, request, visible: prepared.prompt.reading?.visibleTokens(prepared.prompt.tokenizer) ?? []),
            tokenLimit: most, isShort: base.decoder.configuration.rope.isShort(most))
    }

    private func dropCancelled() {
        func isCancelled(_ sequence: RunningSequence) -> Bool { sequence.stream.isCancelled }
        guard roster.waiting.contains(where: isCancelled) || roster.active.contains(where: isCancelled) else { return }
        for sequence in roster.waiting + roster.active where isCancelled(sequence) { end(sequence, nil, .cancelled) }
    }

    /// Requests that have started finish with the tokens they have; the consumer cancels the others.
    private func endExpired() {
        func isOver(_ sequence: RunningSequence) -> Bool { sequence.hasStarted && sequence.stream.isExpired }
        guard roster.waiting.contains(where: isOver) || roster.active.contains(where: isOver) else { return }
        for sequence in roster.waiting + roster.active where isOver(sequence) { finish(sequence, .length) }
    }

    private func admit() {
        for sequence in roster.admit(step: stepNumber) where !sequence.hasStarted { start(sequence) }
        notePreemptions()
    }

    private func start(_ sequence: RunningSequence) {
        sequence.hasStarted = true
        sequence.cachedTokens = sequence.computed
        sequence.admitted = .now
        ledger.admit(promptTokens: sequence.promptCount, cachedTokens: sequence.cachedTokens)
        preparation.take(sequence.ticket)
        var start = GenerationStart(
            adapter: sequence.adapter?.name, adapterVersion: sequence.adapter?.version, promptTokens: sequence.promptCount,
            cachedTokens: sequence.cachedTokens, recall: sequence.recall, asked: sequence.asked)
        start.toolPrompt = sequence.toolPrompt
        start.formatNotes = sequence.formatNotes
        sequence.stream.send(.started(start))
        if sequence.request.reportsPrompt, !sequence.isScored { sendPrompt(of: sequence) }
    }

    /// Writes the roster's counts where other threads read them.
    func notePreemptions() {
        guard roster.preemptions > 0 else { return }
        let (preemptions, recomputedTokens) = (roster.preemptions, roster.recomputedTokens)
        ledger.update { statistics in
            statistics.preemptions = preemptions
            statistics.recomputedTokens = recomputedTokens
        }
    }

    // MARK: Ends

    func finish(_ sequence: RunningSequence, _ reason: FinishReason) {
        sequence.deliverRest()
        let reason = sequence.answer?.reason(reason) ?? reason
        let now = ContinuousClock.now
        let first = sequence.firstToken ?? now
        sequence.timings.queueMilliseconds =
            (sequence.admitted - sequence.submitted) / .milliseconds(1) - sequence.timings.loadMilliseconds
        sequence.timings.prefillMilliseconds = (first - sequence.admitted) / .milliseconds(1)
        sequence.timings.decodeMilliseconds = (now - first) / .milliseconds(1)
        let tokens = sequence.completionCount
        ledger.update { $0.generatedTokens += tokens }
        end(sequence, .finished(reason, sequence.usage, sequence.timings), .finished)
    }

    func fail(_ sequence: RunningSequence, _ error: GenerationError) { end(sequence, .failed(error), .failed) }

    private func end(_ sequence: RunningSequence, _ event: GenerationEvent?, _ outcome: EngineLedger.Outcome) {
        roster.remove(sequence)
        if let event { sequence.stream.send(event) }
        let adapter = sequence.takeAdapter()
        if adapter.0 != nil { releases.async { _ = adapter } }
        if sequence.hasStarted {
            ledger.retire(outcome)
        } else {
            ledger.leave(outcome)
            preparation.leave()
        }
    }
}
