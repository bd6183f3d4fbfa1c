/// What the scheduler knows of one sequence; see `RunningSequence`.
struct SequenceState: Equatable {
    /// Tokens whose keys and values are not computed yet: 1 while decoding, more while the prompt is being read.
    var pendingTokens: Int
    /// Left out of this step: its reader is behind, or another prompt is computing what it needs next.
    var isHeld: Bool
}

/// Rows of one step. Reused from step to step: it keeps its memory.
struct RowSchedule {
    struct Part: Equatable {
        /// Place in the list of sequences.
        var index: Int
        /// How many of the sequence's pending tokens this step computes.
        var tokens: Int
    }

    var parts: [Part] = []
    var rows: Int { parts.reduce(0) { $0 + $1.tokens } }
}

/// Decides what the next step computes; a pure function of the sequences' states.
///
/// Decoding sequences come first, one row each, so that their next token waits for one step only. What is left of the
/// budget goes to prompts, a `quantum` each in turn: the oldest prompt first, then those that a quantum finishes, then the
/// long ones, which change places from step to step. So short prompts that arrive together are done one after another
/// instead of all at the last step, and neither can hold the other up.
struct Scheduler {
    /// Rows that a prompt gets in its turn.
    static let quantum = 64

    /// - Parameters:
    ///   - sequences: in the order of their admission.
    ///   - budget: rows of the step, of which prompts get what decoding ones leave, but at least one.
    ///   - step: number of the step.
    ///   - plan: overwritten.
    func plan(_ sequences: [SequenceState], budget: Int, step: Int, into plan: inout RowSchedule) {
        plan.parts.removeAll(keepingCapacity: true)
        for index in sequences.indices where isReady(sequences[index]) && sequences[index].pendingTokens == 1 {
            plan.parts.append(.init(index: index, tokens: 1))
        }
        let decoding = plan.parts.count
        appendPrompts(sequences, step: step, to: &plan)
        var left = max(budget - decoding, 1)
        while left > 0 {
            let before = left
            for place in decoding..<plan.parts.count {
                let missing = sequences[plan.parts[place].index].pendingTokens - plan.parts[place].tokens
                let grant = min(Self.quantum, missing, left)
                plan.parts[place].tokens += grant
                left -= grant
            }
            if left == before { break }
        }
        plan.parts.removeAll { $0.tokens == 0 }
    }

    private func isReady(_ state: SequenceState) -> Bool { !state.isHeld && state.pendingTokens > 0 }

    /// The prompts in the order of their turns, nothing granted yet.
    private func appendPrompts(_ sequences: [SequenceState], step: Int, to plan: inout RowSchedule) {
        func isPrompt(_ index: Int) -> Bool { isReady(sequences[index]) && sequences[index].pendingTokens > 1 }
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
