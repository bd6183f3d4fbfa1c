import Generation
import Models
import Tensors

/// The engine thread: it owns the KV memory and the running sequences, plans a step, runs it, hands out the tokens.
///
/// `@unchecked Sendable`: made on one thread and handed to the engine thread, which alone calls `run`; everything mutable
/// is touched in `run` only.
final class EngineWorker: @unchecked Sendable {
    let contextLength: Int
    private let base: BaseModel
    private let limits: InferenceLimits
    private let scheduler: Scheduler
    private let mailbox: Mailbox<EngineMessage>
    private let ledger: EngineLedger
    private let cache: KeyValueCache
    private var blocks: KeyValueBlocks
    private var waiting: [Sequence] = []
    private var active: [Sequence] = []
    private var batch = StepBatch()
    private let logits: FloatBuffer
    private let vocabulary: Int
    private var nextID = 0
    private var turn = 0
    private var isStopping = false
    /// Some request ended since the last admissions, so that a waiting one may fit now.
    private var hasFreedMemory = false
    private var seeds = SystemRandomNumberGenerator()

    init(base: BaseModel, limits: InferenceLimits, mailbox: Mailbox<EngineMessage>, ledger: EngineLedger) {
        self.base = base
        self.limits = limits
        self.mailbox = mailbox
        self.ledger = ledger
        scheduler = Scheduler(limits: limits)
        let configuration = base.decoder.configuration
        let blockTokens = KeyValueCache.blockTokens
        let wholeContext = (configuration.contextLength + blockTokens - 1) / blockTokens
        let affordable = limits.keyValueBytes / base.decoder.makeCache(blocks: 0).blockBytes
        let count = max(min(affordable, wholeContext * limits.activeSequences), 1)
        cache = base.decoder.makeCache(blocks: count)
        blocks = KeyValueBlocks(blocks: count, blockTokens: blockTokens)
        contextLength = min(configuration.contextLength, count * blockTokens)
        vocabulary = configuration.vocabulary
        logits = FloatBuffer(count: limits.activeSequences * vocabulary)
        ledger.update { $0.keyValueBlocks = count }
    }

    func run() {
        while true {
            receive()
            if isStopping { return }
            dropCancelled()
            admit()
            if step() { turn += 1 }
        }
    }

    // MARK: Arrivals

    private func receive() {
        let isRunnable = active.contains { !$0.stream.isSaturated } || (hasFreedMemory && !waiting.isEmpty)
        for message in mailbox.take(wait: !isRunnable) {
            switch message {
            case .admit(let prepared): waiting.append(sequence(prepared))
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

    private func sequence(_ prepared: PreparedRequest) -> Sequence {
        nextID += 1
        let request = prepared.request
        let room = prepared.request.maxTokens.map { prepared.tokens.count + $0 } ?? contextLength
        return Sequence(
            id: nextID, prepared: prepared, sampler: Sampler(
                request.sampling, topLogprobs: request.topLogprobs, prompt: prepared.tokens, seed: seeds.next()),
            emitter: TextEmitter(base.tokenizer, stop: request.stop), tokenLimit: min(room, contextLength))
    }

    private func dropCancelled() {
        for sequence in waiting + active where sequence.stream.isCancelled { end(sequence, nil, .cancelled) }
        waiting.removeAll { $0.stream.isCancelled }
        active.removeAll { $0.stream.isCancelled }
    }

    /// In the order of arrival, while there is memory for the whole prompt and the next token.
    private func admit() {
        hasFreedMemory = false
        while let sequence = waiting.first, active.count < limits.activeSequences {
            let version = sequence.adapter?.version
            sequence.table = blocks.takePrefix(of: sequence.tokens, version: version)
            let missing = blocks.blockCount(tokens: sequence.tokens.count + 1) - sequence.table.blocks.count
            guard missing <= blocks.availableCount || active.isEmpty else {
                blocks.release(&sequence.table)
                return
            }
            waiting.removeFirst()
            sequence.computed = sequence.table.blocks.count * blocks.blockTokens
            active.append(sequence)
            if !sequence.hasStarted { start(sequence) }
        }
    }

    private func start(_ sequence: Sequence) {
        sequence.hasStarted = true
        sequence.cachedTokens = sequence.computed
        sequence.admitted = .now
        ledger.admit(promptTokens: sequence.promptCount, cachedTokens: sequence.cachedTokens)
        sequence.stream.send(
            .started(
                GenerationStart(
                    adapter: sequence.adapter?.name, adapterVersion: sequence.adapter?.version,
                    promptTokens: sequence.promptCount, cachedTokens: sequence.cachedTokens)))
    }

    // MARK: Steps

    /// False when nothing could run.
    private func step() -> Bool {
        let plan = scheduler.plan(active.map(\.state), turn: turn)
        guard fill(plan) else { return false }
        let start = ContinuousClock.now
        base.decoder.step(batch, cache: cache, logits: logits.pointer)
        let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
        ledger.update { statistics in
            statistics.steps += 1
            statistics.stepRows += batch.tokens.count
            statistics.stepMilliseconds += milliseconds
            statistics.keyValueBlocksInUse = blocks.pool.capacity - blocks.availableCount
        }
        collect()
        // What ended is let go now, not at the next step: its adapter may be waiting to leave.
        stepping.removeAll(keepingCapacity: true)
        batch.runs.removeAll(keepingCapacity: true)
        return true
    }

    /// Puts the planned rows into the batch; a sequence for which there is no memory left makes the youngest one wait.
    private func fill(_ plan: StepPlan) -> Bool {
        batch.tokens.removeAll(keepingCapacity: true)
        batch.runs.removeAll(keepingCapacity: true)
        stepping.removeAll(keepingCapacity: true)
        for part in plan.parts {
            guard let sequence = active.first(where: { $0.id == part.id }) else { continue }
            guard reserve(sequence, tokens: sequence.computed + part.tokens) else { continue }
            stepping.append((sequence, part.tokens))
        }
        // A sequence that made room for a later one is not active any more.
        stepping.removeAll { entry in !active.contains { $0 === entry.sequence } }
        for (sequence, count) in stepping {
            let start = batch.tokens.count
            batch.tokens.append(contentsOf: sequence.tokens[sequence.computed..<sequence.computed + count])
            batch.runs.append(
                .init(
                    tokens: start..<start + count, startPosition: sequence.computed, blocks: sequence.table.blocks,
                    delta: sequence.adapter?.delta, logits: sequence.pendingTokens == count ? .last : .none))
        }
        return !stepping.isEmpty
    }

    private var stepping: [(sequence: Sequence, tokens: Int)] = []

    private func reserve(_ sequence: Sequence, tokens: Int) -> Bool {
        while !blocks.grow(&sequence.table, tokens: tokens) {
            guard let youngest = active.last else { return false }
            active.removeLast()
            preempt(youngest)
            if youngest === sequence { return false }
        }
        return true
    }

    /// Its blocks go to others; what was computed is computed again later, with the same result.
    private func preempt(_ sequence: Sequence) {
        blocks.release(&sequence.table)
        sequence.computed = 0
        waiting.insert(sequence, at: 0)
        ledger.update { $0.preemptions += 1 }
    }

    /// Samples for every sequence whose last pending token was computed.
    private func collect() {
        var row = 0
        for (sequence, count) in stepping {
            let wantsToken = sequence.pendingTokens == count
            sequence.computed += count
            blocks.list(&sequence.table, tokens: sequence.tokens, computed: sequence.computed)
            guard wantsToken else { continue }
            defer { row += 1 }
            take(UnsafeMutableBufferPointer(start: logits.pointer + row * vocabulary, count: vocabulary), for: sequence)
        }
    }

    private func take(_ logits: UnsafeMutableBufferPointer<Float>, for sequence: Sequence) {
        if sequence.firstToken == nil { sequence.firstToken = .now }
        guard sequence.tokens.count < sequence.tokenLimit else { return finish(sequence, .length) }
        let choice = sequence.sampler.sample(logits)
        sequence.append(choice.token)
        if base.tokenizer.endOfSequence.contains(choice.token), !sequence.request.ignoreEndOfSequence {
            return finish(sequence, .stop)
        }
        if let event = sequence.emitter.append(choice, withLogprobs: sequence.request.topLogprobs != nil) {
            sequence.stream.send(event)
        }
        if sequence.emitter.isStopped {
            finish(sequence, .stop)
        } else if sequence.tokens.count >= sequence.tokenLimit {
            finish(sequence, .length)
        }
    }

    // MARK: Ends

    private func finish(_ sequence: Sequence, _ reason: FinishReason) {
        if let event = sequence.emitter.finish() { sequence.stream.send(event) }
        let now = ContinuousClock.now
        let first = sequence.firstToken ?? now
        sequence.timings.queueMilliseconds =
            (sequence.admitted - sequence.submitted) / .milliseconds(1) - sequence.timings.loadMilliseconds
        sequence.timings.prefillMilliseconds = (first - sequence.admitted) / .milliseconds(1)
        sequence.timings.decodeMilliseconds = (now - first) / .milliseconds(1)
        active.removeAll { $0 === sequence }
        let name = sequence.adapter?.name ?? "base"
        ledger.update { statistics in
            statistics.generatedTokens += sequence.completionCount
            statistics.generatedTokensByAdapter[name, default: 0] += sequence.completionCount
        }
        end(sequence, .finished(reason, sequence.usage, sequence.timings), .finished)
    }

    private func end(_ sequence: Sequence, _ event: GenerationEvent?, _ outcome: EngineLedger.Outcome) {
        blocks.release(&sequence.table)
        hasFreedMemory = true
        if let event { sequence.stream.send(event) }
        if sequence.hasStarted { ledger.retire(outcome) } else { ledger.leave(outcome) }
    }
}
