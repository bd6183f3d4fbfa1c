/// What the scheduler knows of one sequence; see `Sequence`.
struct SequenceState: Equatable {
    var id: Int
    /// Tokens whose keys and values are not computed yet: 1 while decoding, more while the prompt is being read.
    var pendingTokens: Int
    /// Nothing was sampled for it since it was admitted.
    var isPrefilling: Bool
    /// Its reader is behind: left out of steps until it catches up.
    var isSaturated: Bool
}

/// Rows of one step.
struct StepPlan: Equatable {
    struct Part: Equatable {
        var id: Int
        /// How many of the sequence's pending tokens this step computes.
        var tokens: Int
    }

    var parts: [Part] = []
    var rows: Int { parts.reduce(0) { $0 + $1.tokens } }
}

/// Decides what the next step computes; a pure function of the sequences' states.
///
/// Decoding sequences come first, one row each, so that their next token waits for one step only. What is left of the
/// budget goes to prompts: the step's longest waiter first, but no more than an equal share while several wait, so that
/// one long prompt does not hold back short ones.
struct Scheduler {
    let limits: InferenceLimits

    /// - Parameters:
    ///   - sequences: in the order of their admission.
    ///   - turn: number of the step; it rotates which prompt gets the rest of an uneven division.
    func plan(_ sequences: [SequenceState], turn: Int) -> StepPlan {
        var plan = StepPlan()
        let ready = sequences.filter { !$0.isSaturated && $0.pendingTokens > 0 }
        for sequence in ready where sequence.pendingTokens == 1 {
            plan.parts.append(.init(id: sequence.id, tokens: 1))
        }
        let prompts = ready.filter { $0.pendingTokens > 1 }
        guard !prompts.isEmpty else { return plan }
        var budget =
            plan.parts.isEmpty
            ? limits.prefillTokens : min(limits.mixedPrefillTokens, limits.maximumRows - plan.parts.count)
        var grants = [Int](repeating: 0, count: prompts.count)
        // Shares that a short prompt doesn't need go to the others: at most one round more for each prompt.
        while budget > 0 {
            let open = prompts.indices.filter { grants[$0] < prompts[$0].pendingTokens }
            guard !open.isEmpty else { break }
            let share = max(budget / open.count, 1)
            for step in open.indices where budget > 0 {
                let index = open[(step + turn) % open.count]
                let grant = min(share, prompts[index].pendingTokens - grants[index], budget)
                grants[index] += grant
                budget -= grant
            }
        }
        for (prompt, grant) in zip(prompts, grants) where grant > 0 {
            plan.parts.append(.init(id: prompt.id, tokens: grant))
        }
        return plan
    }
}
