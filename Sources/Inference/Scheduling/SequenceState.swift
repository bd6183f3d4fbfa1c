/// The scheduler's view of one sequence; see `RunningSequence`.
struct SequenceState: Equatable {
    /// Tokens whose keys and values are not computed yet: 1 while decoding, more while the prompt is being read.
    var pendingTokens: Int
    /// Left out of this step: its reader is behind, or another prompt is computing what it needs next.
    var isHeld = false
    /// It gave its memory up and recomputes the lost keys and values.
    var isReturning = false
    /// All rows of its prompt give logits.
    var isScored = false
}

/// Rows of one step. Reused from step to step: it keeps its memory.
struct RowSchedule {
    struct Part: Equatable {
        /// Place in the array of sequences.
        var index: Int
        /// How many of the sequence's pending tokens this step computes.
        var tokens: Int
    }

    var parts: [Part] = []
    var rows: Int { parts.reduce(0) { $0 + $1.tokens } }
}
