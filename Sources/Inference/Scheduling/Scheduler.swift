/// Decides what the next step computes; a pure function of the sequences' states.
///
/// Decoding sequences come first, one row each, so that their next token waits for one step only. What is left of the
/// budget goes to prompts, in rounds of a `quantum` each: the oldest prompt first, then those that a quantum finishes, then the
/// long ones, which change places from step to step. So short prompts that arrive together are done one after another
/// instead of all at the last step, and neither can hold the other up. Sequences that recompute lost
/// keys and values come last and have a budget of their own: they had their share before.
struct Scheduler {
    /// Rows that a prompt gets in a round.
    static let quantum = 64
    /// Rows that returning sequences get together at least, so that they make progress beside any number of new prompts.
    static let leastReturningRows = 8

    struct Budget {
        /// Rows of the step, of which prompts get what decoding ones leave, but at least one.
        var rows: Int
        /// Rows up to which returning sequences take part.
        var returningRows: Int
        /// Rows that prompts get together whose rows give logits.
        var scoredRows = Int.max
    }

    /// - Parameters:
    ///   - sequences: in the order of their admission.
    ///   - step: number of the step.
    ///   - plan: overwritten.
    func plan(_ sequences: [SequenceState], budget: Budget, step: Int, into plan: inout RowSchedule) {
        plan.parts.removeAll(keepingCapacity: true)
        for index in sequences.indices where isReady(sequences[index]) && sequences[index].pendingTokens == 1 {
            plan.parts.append(.init(index: index, tokens: 1))
        }
        let decoding = plan.parts.count
        appendPrompts(sequences, returning: false, step: step, to: &plan)
        let fresh = plan.parts.count
        appendPrompts(sequences, returning: true, step: step, to: &plan)
        let room = max(budget.rows - decoding, 1)
        let isShared = decoding < fresh && fresh < plan.parts.count
        var scoredRoom = budget.scoredRows
        let granted = grant(
            isShared ? max(room - Self.leastReturningRows, 1) : room, scored: &scoredRoom, to: decoding..<fresh, of: sequences, in: &plan)
        let returningRoom = max(budget.returningRows - decoding - granted, Self.leastReturningRows)
        grant(min(room - granted, returningRoom), scored: &scoredRoom, to: fresh..<plan.parts.count, of: sequences, in: &plan)
        plan.parts.removeAll { $0.tokens == 0 }
    }

    private func isReady(_ state: SequenceState) -> Bool { !state.isHeld && state.pendingTokens > 0 }

    /// Shares rows out in rounds; returns how many were used.
    @discardableResult
    private func grant(
        _ rows: Int, scored: inout Int, to places: Range<Int>, of sequences: [SequenceState], in plan: inout RowSchedule
    ) -> Int {
        var left = rows
        while left > 0 {
            let before = left
            for place in places {
                let sequence = sequences[plan.parts[place].index]
                let missing = sequence.pendingTokens - plan.parts[place].tokens
                let grant = min(Self.quantum, missing, left, sequence.isScored ? scored : .max)
                if sequence.isScored { scored -= grant }
                plan.parts[place].tokens += grant
                left -= grant
            }
            if left == before { break }
        }
        return rows - left
    }

    /// The prompts in the order of their rounds, nothing granted yet.
    private func appendPrompts(_ sequences: [SequenceState], returning: Bool, step: Int, to plan: inout RowSchedule) {
        func isPrompt(_ index: Int) -> Bool {
            isReady(sequences[index]) && sequences[index].pendingTokens > 1 && sequences[index].isReturning == returning
        }
        guard let oldest = sequences.indices.first(where: isPrompt) else { return }
        plan.parts.append(.init(index: oldest, tokens: 0))
        for index in sequences.indices where index > oldest && isPrompt(index) {
            if sequences[index].pendingTokens <= Self.quantum { plan.parts.append(.init(index: index, tokens: 0)) }
        }
        for place in sequences.indices {
            let index = (place + step) % sequences.count
            guard index > oldest, isPrompt(index), sequences[index].pendingTokens > Self.quantum else { continue }
            plan.parts.append(.init(index: index, tokens: 0))
        }
    }
}
