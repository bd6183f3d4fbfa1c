/// Which sequences give way.
///
/// - A sequence whose reader is behind gives its slot and its blocks up when others wait for them.
/// - For a waiting request that needs no more than its fair share, sequences that hold more than theirs give way, the largest first.
/// - When an active sequence can't grow, the one that holds most gives way.
///
/// A sequence that ends within a few steps is spared where another can give way. In the last case so is one that came back, until
/// it has generated half as many tokens as were computed again for it. In the second case that is not needed: of the blocks that
/// are given up only those are lost that the request takes, so that no more is computed again than what it computes.
extension SequenceRoster {
    /// A sequence with no more tokens than this to go is left to finish.
    static let finishingTokens = 16

    /// Whether a slot is free, or was made free by a sequence whose reader is behind.
    mutating func hasSlot(step: Int) -> Bool {
        if active.count < slots { return true }
        guard let saturated = largest(where: { $0.stream.isSaturated }) else { return false }
        giveWay(saturated, step: step)
        return true
    }

    /// Makes sequences give way for a waiting one that lacks `shortage` blocks, or leaves all as they are and returns false.
    ///
    /// - Parameters:
    ///   - needed: blocks for which others give way at all; no more than the fair share.
    ///   - stepsUntilFits: when it fits without that.
    mutating func makeRoom(_ shortage: Int, needed: Int, horizon: Int, stepsUntilFits: Int, step: Int) -> Bool {
        var left = shortage
        var victims: [RunningSequence] = []
        func take(_ sequences: [(sequence: RunningSequence, held: Int)]) {
            for (sequence, held) in sequences.sorted(by: { $0.held > $1.held }) where left > 0 {
                victims.append(sequence)
                left -= held + growth(of: sequence, steps: horizon)
            }
        }
        let holders = active.map { (sequence: $0, held: blocks.exclusiveCount($0.table)) }
        take(holders.filter { $0.sequence.stream.isSaturated })
        let share = fairShare
        if left > 0, needed <= share, stepsUntilFits > Self.finishingTokens {
            take(holders.filter { holder in
                !holder.sequence.stream.isSaturated && holder.held > share && holder.held >= 2 * needed
                    && !isFinishing(holder.sequence)
            })
        }
        // Blocks that several of them hold together are free when none is left.
        guard left <= 0 || victims.count == active.count else { return false }
        for victim in victims { giveWay(victim, step: step) }
        return true
    }

    /// Makes room for `tokens` positions of an active sequence; others give way for it. False when it gave way itself.
    mutating func grow(_ sequence: RunningSequence, tokens: Int, step: Int) -> Bool {
        while !blocks.grow(&sequence.table, tokens: tokens) {
            guard let victim = victim else { return false }
            giveWay(victim, step: step)
            if victim === sequence { return false }
        }
        return true
    }

    /// Of the active ones the first by these tests: its reader is behind; it is neither about to end nor protected; it is not about
    /// to end; any. Among equals the one that holds most.
    private var victim: RunningSequence? {
        largest { $0.stream.isSaturated } ?? largest { !isFinishing($0) && !isProtected($0) } ?? largest { !isFinishing($0) }
            ?? largest { _ in true }
    }

    private func isFinishing(_ sequence: RunningSequence) -> Bool { sequence.remainingTokens <= Self.finishingTokens }

    private func isProtected(_ sequence: RunningSequence) -> Bool {
        sequence.completionCount - sequence.generatedBefore < sequence.recomputed / 2
    }

    /// The one that holds most blocks alone; the youngest of equal ones.
    private func largest(where isCandidate: (RunningSequence) -> Bool) -> RunningSequence? {
        var best: (sequence: RunningSequence, held: Int)?
        for sequence in active where isCandidate(sequence) {
            let held = blocks.exclusiveCount(sequence.table)
            if held >= best?.held ?? 0 { best = (sequence, held) }
        }
        return best?.sequence
    }
}
