import Generation
import Models

/// Which rows the next step computes.
extension EngineWorker {
    func plan() {
        work.states.removeAll(keepingCapacity: true)
        var isDecoding = false
        for index in roster.active.indices {
            let sequence = roster.active[index]
            var isHeld = sequence.stream.isSaturated
            if !isHeld, sequence.pendingTokens > 1, !sequence.isScored { isHeld = isComputedByAnother(index) }
            work.states.append(
                SequenceState(
                    pendingTokens: sequence.pendingTokens, isHeld: isHeld, isReturning: sequence.isReturning, isScored: sequence.isScored))
            if !isHeld, sequence.pendingTokens == 1 { isDecoding = true }
        }
        Scheduler().plan(work.states, budget: budget(isDecoding: isDecoding), step: stepNumber, into: &work.plan)
        reserve()
        if limits.speculates, !work.readsPrompts { speculate() }
        fill()
    }

    private func budget(isDecoding: Bool) -> Scheduler.Budget {
        guard isDecoding else {
            return .init(rows: limits.prefillTokens, returningRows: limits.prefillTokens, scoredRows: limits.scoredRows)
        }
        func rows(_ milliseconds: Double) -> Int {
            work.prefillCost.rows(within: milliseconds, least: roster.active.count + 16, most: limits.maximumRows)
        }
        return .init(rows: rows(limits.mixedStepMilliseconds), returningRows: rows(limits.recomputeStepMilliseconds), scoredRows: limits.scoredRows)
    }

    /// Takes what others computed since of the blocks that the prompt needs next; true when another prompt is about to
    /// compute the next one, so that waiting for it costs nothing. Two equal prompts are computed once.
    private func isComputedByAnother(_ index: Int) -> Bool {
        let sequence = roster.active[index]
        guard sequence.computed == sequence.table.cachedBlocks * Self.blockTokens else { return false }
        let taken =
            roster.blocks.extend(&sequence.table, of: sequence.tokens, limit: sequence.effect.sharedTokens) * Self.blockTokens
        sequence.computed += taken
        if taken > 0, sequence.firstToken == nil, sequence.computed <= sequence.promptCount {
            sequence.cachedTokens += taken
            ledger.update { $0.cachedTokens += taken }
        }
        let end = sequence.computed + Self.blockTokens
        guard end < sequence.tokens.count, end <= sequence.effect.sharedTokens else { return false }
        return work.states.indices.contains { other in
            let leader = roster.active[other]
            return work.states[other].pendingTokens > 1 && !leader.stream.isSaturated && !leader.isScored
                && leader.table.node == sequence.table.node && leader.tokens.count >= end && leader.effect.sharedTokens >= end
                && leader.tokens[sequence.computed..<end] == sequence.tokens[sequence.computed..<end]
        }
    }

    /// Gets the blocks of the planned rows; where memory is short, a sequence gives way.
    private func reserve() {
        work.sequences.removeAll(keepingCapacity: true)
        for part in work.plan.parts {
            let sequence = roster.active[part.index]
            sequence.planned = part.tokens
            sequence.lookup = nil
            sequence.dropDraft()
            work.sequences.append(sequence)
        }
        let preemptions = roster.preemptions
        for sequence in work.sequences where sequence.isActive {
            _ = roster.grow(sequence, tokens: sequence.computed + sequence.planned, step: stepNumber)
        }
        guard roster.preemptions > preemptions else { return }
        work.sequences.removeAll { !$0.isActive }
        notePreemptions()
    }

    /// Lets sequences verify draft tokens, where that is expected to pay and takes no memory from others.
    private func speculate() {
        let rows = work.sequences.count
        guard rows * 2 <= limits.logitsRows else { return }
        var speculation = Speculation(cost: work.decodeCost, rows: rows, capacity: limits.logitsRows)
        for sequence in work.sequences {
            let room = sequence.tokenLimit - sequence.tokens.count - 1
            if sequence.isConstrained, draftForced(sequence, room: room, &speculation) { continue }
            guard let lookup = PromptLookup(sequence.tokens) else { continue }
            sequence.lookup = lookup
            let count = speculation.take(acceptance: sequence.record.acceptance(matched: lookup.length), room: room)
            guard count > 0, roster.blocks.canGrow(sequence.table, tokens: sequence.tokens.count + count) else { continue }
            sequence.draft(count)
            _ = roster.blocks.grow(&sequence.table, tokens: sequence.tokens.count + sequence.draft.count)
        }
    }

    /// Drafts what the constraint leaves hardly a choice about; false: there is nothing of the kind, or no room.
    private func draftForced(_ sequence: RunningSequence, room: Int, _ speculation: inout Speculation) -> Bool {
        let tokens = sequence.forcedTokens(most: min(Speculation.longest, room))
        guard !tokens.isEmpty else { return false }
        let count = speculation.take(acceptance: Self.forcedAcceptance, room: tokens.count)
        guard count > 0, roster.blocks.canGrow(sequence.table, tokens: sequence.tokens.count + count) else { return false }
        sequence.draft(Array(tokens.prefix(count)))
        _ = roster.blocks.grow(&sequence.table, tokens: sequence.tokens.count + sequence.draft.count)
        return true
    }

    /// The text is certain; how the model divides it into tokens nearly so.
    private static let forcedAcceptance = 0.95

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
            let before = min(max(sequence.effect.start - sequence.computed, 0), sequence.planned)
            if before > 0 {
                addRun(
                    sequence, start..<start + before, at: sequence.computed, sequence.effect.prefix, sequence.isScored ? .all : .none)
            }
            if sequence.isScored { work.sampler.add(sequence, scoring: sequence.scoredPlaces) }
            guard before < sequence.planned else { continue }
            let drawn: StepBatch.Run.Logits = sequence.wantsToken ? (sequence.draft.isEmpty ? .last : .all) : .none
            addRun(
                sequence, start + before..<work.batch.tokens.count, at: sequence.computed + before, sequence.effect.delta,
                sequence.isScored ? .all : drawn)
            if sequence.wantsToken { work.sampler.add(sequence) }
        }
    }

    private func addRun(
        _ sequence: RunningSequence, _ tokens: Range<Int>, at position: Int, _ delta: AdapterDelta?, _ logits: StepBatch.Run.Logits
    ) {
        work.batch.runs.append(
            .init(tokens: tokens, startPosition: position, blocks: sequence.table.blocks, delta: delta, logits: logits,
                isShort: sequence.effect.owner.isShort))
    }
}
