/// Which sequences are admitted.
///
/// A sequence is admitted when there is memory for what it and the active ones are promised for the time that it runs, up to a
/// horizon: the rest of prompts, and a token a step up to each one's limit. So a short answer that is admitted ends before memory
/// runs out. Requests go in the order of their tickets. One that does not fit is overtaken only by those that end before it could
/// fit anyway. Sequences that gave way come after the requests that have not run, until they have waited as many steps as they
/// have been given tokens.
extension SequenceRoster {
    /// Steps for which memory must suffice when a sequence is admitted.
    static let horizon = 64

    /// Makes waiting sequences active, and answers them. Calls for it: `isAdmissionDue`.
    mutating func admit(step: Int) -> [RunningSequence] {
        var admitted: [RunningSequence] = []
        // Steps until the first sequence fits that did not fit.
        var deadline = Int.max
        let candidates = waiting
        for yields in [false, true] {
            for sequence in candidates where self.yields(sequence, step: step) == yields && !sequence.stream.isSaturated {
                guard lifetime(of: sequence) <= deadline else { continue }
                guard hasSlot(step: step) else { break }
                if let stepsUntilFits = admit(sequence, step: step) {
                    if !yields { deadline = min(deadline, stepsUntilFits) }
                } else {
                    admitted.append(sequence)
                }
            }
        }
        finishAdmission(admitted)
        return admitted
    }

    /// Sequences that gave way yield to others for as many steps as they have been given tokens.
    private func yields(_ sequence: RunningSequence, step: Int) -> Bool {
        guard let since = sequence.gaveWayAt else { return false }
        return step - since < max(sequence.completionCount, Self.horizon)
    }

    /// Steps that a sequence takes to its promised end, at most.
    private func lifetime(of sequence: RunningSequence) -> Int {
        sequence.tokens.count / Scheduler.quantum + sequence.remainingTokens
    }

    private func horizon(of sequence: RunningSequence) -> Int {
        guard sequence.gaveWayAt != nil else { return min(Self.horizon, lifetime(of: sequence)) }
        // What is computed again must be worth it: at least half as many new tokens have room.
        let recomputed = sequence.tokens.count - sequence.table.blocks.count * blocks.blockTokens
        return max(Self.horizon, recomputed / 2)
    }

    /// Nil when the sequence is active now; otherwise the steps after which it fits if all others run to their promised ends.
    private mutating func admit(_ sequence: RunningSequence, step: Int) -> Int? {
        sequence.table = blocks.takePrefix(of: sequence.tokens, owner: sequence.effect.owner, limit: sequence.takenTokens)
        let horizon = horizon(of: sequence)
        let missing = growth(of: sequence, steps: horizon)
        let shortage = missing + active.reduce(0) { $0 + growth(of: $1, steps: horizon) } - blocks.availableCount
        if shortage <= 0 || active.isEmpty {
            activate(sequence)
            return nil
        }
        let stepsUntilFits = stepsUntilEndsGive(shortage)
        // One that gave way does so for its share in all, others for what they add to a cached prefix.
        let needed = missing + (sequence.gaveWayAt == nil ? 0 : sequence.table.blocks.count)
        if makeRoom(shortage, needed: needed, horizon: horizon, stepsUntilFits: stepsUntilFits, step: step) {
            activate(sequence)
            return nil
        }
        blocks.release(&sequence.table)
        return stepsUntilFits
    }

    /// Steps until that number of blocks is released, when each active sequence runs to its promised end.
    private func stepsUntilEndsGive(_ shortage: Int) -> Int {
        var missing = shortage
        for sequence in active.sorted(by: { $0.remainingTokens < $1.remainingTokens }) {
            missing -= blocks.exclusiveCount(sequence.table) + growth(of: sequence, steps: Self.horizon)
            if missing <= 0 { return sequence.remainingTokens }
        }
        return Int.max
    }
}
