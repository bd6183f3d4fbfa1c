import Generation
import Models

/// One step: plan, compute, choose, hand out.
extension EngineWorker {
    /// False when nothing could run.
    func step() -> Bool {
        let allocations = work.allocationCount
        plan()
        guard !work.sequences.isEmpty else { return false }
        var report = StepCounters.Report()
        report.rows = work.batch.tokens.count
        let start = ContinuousClock.now
        base.decoder.step(work.batch, cache: cache, logits: work.logits.pointer, stride: base.decoder.logitsStride)
        let computed = ContinuousClock.now
        work.batch.runs.removeAll(keepingCapacity: true)
        work.sampler.run()
        report.step = computed - start
        report.sampling = .now - computed
        report.stepAllocations = work.allocationCount - allocations
        noteCost(report)
        handOut(&report)
        // What ended is let go now, not at the next step: its adapter may be waiting to leave.
        work.sequences.removeAll(keepingCapacity: true)
        report.blocksInUse = blocks.pool.capacity - blocks.availableCount
        report.deliveryAllocations = work.allocationCount - allocations - report.stepAllocations
        ledger.steps.add(report)
        return true
    }

    private func noteCost(_ report: StepCounters.Report) {
        let milliseconds = report.step / .milliseconds(1)
        if work.readsPrompts {
            work.prefillCost.note(rows: report.rows, milliseconds: milliseconds)
        } else {
            work.decodeCost.note(rows: report.rows, milliseconds: milliseconds)
        }
    }

    // MARK: Plan

    private func plan() {
        work.states.removeAll(keepingCapacity: true)
        var isDecoding = false
        for index in active.indices {
            let sequence = active[index]
            var isHeld = sequence.stream.isSaturated
            if !isHeld, sequence.pendingTokens > 1 { isHeld = isComputedByAnother(index) }
            work.states.append(SequenceState(pendingTokens: sequence.pendingTokens, isHeld: isHeld))
            if !isHeld, sequence.pendingTokens == 1 { isDecoding = true }
        }
        let budget =
            isDecoding
            ? work.prefillCost.rows(
                within: limits.mixedStepMilliseconds, least: active.count + 16, most: limits.maximumRows)
            : limits.prefillTokens
        Scheduler().plan(work.states, budget: budget, step: stepNumber, into: &work.plan)
        reserve()
        if limits.speculates, !work.readsPrompts { speculate() }
        fill()
    }

    /// Takes what others computed since of the blocks that the prompt needs next; true when another prompt is about to
    /// compute the next one, so that waiting for it costs nothing. Two equal prompts are computed once.
    private func isComputedByAnother(_ index: Int) -> Bool {
        let sequence = active[index]
        guard sequence.computed == sequence.table.cachedBlocks * Self.blockTokens else { return false }
        let taken = blocks.extend(&sequence.table, of: sequence.tokens, limit: sequence.effect.sharedTokens)
            * Self.blockTokens
        sequence.computed += taken
        if taken > 0, sequence.firstToken == nil, sequence.computed <= sequence.promptCount {
            sequence.cachedTokens += taken
            ledger.update { $0.cachedTokens += taken }
        }
        let end = sequence.computed + Self.blockTokens
        guard end < sequence.tokens.count, end <= sequence.effect.sharedTokens else { return false }
        return work.states.indices.contains { other in
            let leader = active[other]
            return work.states[other].pendingTokens > 1 && !leader.stream.isSaturated
                && leader.table.node == sequence.table.node && leader.tokens.count >= end && leader.effect.sharedTokens >= end
                && leader.tokens[sequence.computed..<end] == sequence.tokens[sequence.computed..<end]
        }
    }

    /// Gets the blocks of the planned rows; a sequence for which there is no memory left makes the youngest one wait.
    private func reserve() {
        work.sequences.removeAll(keepingCapacity: true)
        for part in work.plan.parts where part.index < active.count {
            let sequence = active[part.index]
            sequence.planned = part.tokens
            sequence.lookup = nil
            sequence.dropDraft()
            if reserve(sequence, tokens: sequence.computed + part.tokens) { work.sequences.append(sequence) }
        }
        // A sequence that made room for a later one takes no part any more.
        work.sequences.removeAll { !$0.isActive }
    }

    private func reserve(_ sequence: RunningSequence, tokens: Int) -> Bool {
        while !blocks.grow(&sequence.table, tokens: tokens) {
            guard let youngest = active.popLast() else { return false }
            preempt(youngest)
            if youngest === sequence { return false }
        }
        return true
    }

    /// Lets sequences verify foretold tokens, where that is expected to pay and needs nobody else's memory.
    private func speculate() {
        let rows = work.sequences.count
        guard rows * 2 <= limits.logitsRows else { return }
        var speculation = Speculation(cost: work.decodeCost, rows: rows, capacity: limits.logitsRows)
        for sequence in work.sequences {
            guard let lookup = PromptLookup(sequence.tokens) else { continue }
            sequence.lookup = lookup
            let room = sequence.tokenLimit - sequence.tokens.count - 1
            let count = speculation.take(acceptance: sequence.record.acceptance(matched: lookup.length), room: room)
            guard count > 0, blocks.canGrow(sequence.table, tokens: sequence.tokens.count + count) else { continue }
            sequence.draft(count, ends: sequence.request.ignoreEndOfSequence ? [] : base.tokenizer.endOfSequence)
            _ = blocks.grow(&sequence.table, tokens: sequence.tokens.count + sequence.draft.count)
        }
    }

    private func fill() {
        // Sequences of one adapter side by side: its matrices meet all their rows at once.
        work.sequences.sortInPlace { $0.effect.delta.map { UInt(bitPattern: ObjectIdentifier($0)) } ?? 0 }
        work.batch.tokens.removeAll(keepingCapacity: true)
        work.batch.runs.removeAll(keepingCapacity: true)
        for sequence in work.sequences {
            let start = work.batch.tokens.count
            let end = sequence.computed + sequence.planned
            work.batch.tokens.append(contentsOf: sequence.tokens[sequence.computed..<end])
            work.batch.tokens.append(contentsOf: sequence.draft)
            // Tokens before the delta's first one are the base's.
            let bare = min(max(sequence.effect.start - sequence.computed, 0), sequence.planned)
            if bare > 0 { addRun(sequence, start..<start + bare, at: sequence.computed, nil, .none) }
            guard bare < sequence.planned else { continue }
            let logits: StepBatch.Run.Logits =
                sequence.wantsToken ? (sequence.draft.isEmpty ? .last : .all) : .none
            addRun(
                sequence, start + bare..<work.batch.tokens.count, at: sequence.computed + bare, sequence.effect.delta, logits)
            if sequence.wantsToken { work.sampler.add(sequence) }
        }
    }

    private func addRun(
        _ sequence: RunningSequence, _ tokens: Range<Int>, at position: Int, _ delta: AdapterDelta?, _ logits: StepBatch.Run.Logits
    ) {
        work.batch.runs.append(
            .init(tokens: tokens, startPosition: position, blocks: sequence.table.blocks, delta: delta, logits: logits))
    }

    // MARK: Hand out

    private func cacheFullBlocks(of sequence: RunningSequence) {
        blocks.cacheFullBlocks(
            of: &sequence.table, tokens: sequence.tokens, computed: min(sequence.computed, sequence.effect.sharedTokens))
    }

    private func handOut(_ report: inout StepCounters.Report) {
        let now = ContinuousClock.now
        for sequence in work.sequences {
            guard sequence.wantsToken else {
                sequence.computed += sequence.planned
                cacheFullBlocks(of: sequence)
                continue
            }
            if sequence.firstToken == nil { sequence.firstToken = now }
            sequence.noteLookup()
            report.proposed += sequence.draft.count
            report.accepted += sequence.sampled.count - 1
            // Row 0 computed what was pending; each row after it a proposed token that is among the sequence's by then.
            sequence.computed += sequence.planned - 1
            for choice in sequence.sampled {
                sequence.computed += 1
                cacheFullBlocks(of: sequence)
                if let reason = take(choice, for: sequence) {
                    finish(sequence, reason)
                    break
                }
            }
        }
    }

    /// Why the sequence ends with this token; nil when it goes on.
    private func take(_ choice: SampledToken, for sequence: RunningSequence) -> FinishReason? {
        guard sequence.tokens.count < sequence.tokenLimit else { return .length }
        sequence.append(choice.token)
        if !sequence.request.ignoreEndOfSequence, base.tokenizer.endOfSequence.contains(choice.token) { return .stop }
        if let event = sequence.emitter.append(choice, withLogprobs: sequence.request.topLogprobs != nil) {
            sequence.stream.send(event)
        }
        if sequence.emitter.isStopped { return .stop }
        return sequence.tokens.count >= sequence.tokenLimit ? .length : nil
    }
}
