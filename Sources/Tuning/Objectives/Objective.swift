/// What a task's steps minimise. The formulas are those of TRL 1.16.
///
/// A step may be computed in several micro-batches. The caller first adds up the totals of all examples of the step (`totals(of:)`), then
/// evaluates each micro-batch with them. Losses and gradients of the micro-batches are shares: their sums are those of one large batch.
/// (TRL divides a token mean by the tokens of each micro-batch and then averages; with one micro-batch a step both are equal.)
public enum Objective: Sendable, Equatable {
    /// The mean negative log-likelihood of all targets of the step.
    case supervised
    case dpo(DPO)
    case cpo(CPO)
    case orpo(ORPO)
    case kto(KTO)

    /// The field's name: `sft`, `dpo`, `cpo`, `orpo`, `kto`.
    public var name: String {
        switch self {
        case .supervised: "sft"
        case .dpo: "dpo"
        case .cpo: "cpo"
        case .orpo: "orpo"
        case .kto: "kto"
        }
    }

    /// Whether the frozen reference model's log-probabilities are needed beside the policy's.
    public var needsReference: Bool {
        switch self {
        case .dpo, .kto: true
        case .supervised, .cpo, .orpo: false
        }
    }

    /// Whether `StepTotals.divergence` is needed (`KTO.mismatched`).
    public var needsDivergence: Bool {
        if case .kto = self { true } else { false }
    }

    /// Whether dropout is applied. TRL turns it off for every objective with preferences.
    public var usesDropout: Bool { self == .supervised }

    /// The examples that the objective learns from.
    public var exampleKind: TrainingExample.Kind {
        switch self {
        case .supervised: .supervised
        case .dpo, .cpo, .orpo: .preference
        case .kto: .labelled
        }
    }

    /// Throws `malformed` for an example of another kind and `nothingToTrain` for one with a sequence without targets.
    public func check(_ example: TrainingExample) throws(TuningError) {
        guard example.kind == exampleKind else {
            throw TuningError(.malformed, "\(name) learns from \(exampleKind.text), found \(example.kind.text)")
        }
        guard example.sequences.allSatisfy({ $0.isTarget.contains(true) }) else {
            throw TuningError(.nothingToTrain, "an answer has no token to train")
        }
    }

    /// For each sequence of the example `[tokens]`: whether the policy's log-probability of this token is needed. These are the
    /// targets. ORPO also learns the prompt of the chosen answer: all its tokens but the first.
    public func scoredTokens(of example: TrainingExample) -> [[Bool]] {
        var marks = example.sequences.map(\.isTarget)
        if case .orpo = self, case .preference(let chosen, _) = example {
            marks[0] = chosen.tokens.indices.map { $0 > 0 }
        }
        return marks
    }

    /// The example's part of its step's totals.
    public func totals(of example: TrainingExample) -> StepTotals {
        StepTotals(exampleCount: 1, tokenCount: scoredTokens(of: example)[0].reduce(0) { $0 + ($1 ? 1 : 0) })
    }

    /// The loss of a micro-batch and its gradients, in f64 and in a fixed order.
    ///
    /// `totals` are those of all examples of the optimiser step. Throws as `check` does. O(scored tokens).
    public func evaluate(_ examples: [ScoredExample], totals: StepTotals) throws(TuningError) -> ObjectiveResult {
        precondition(totals.exampleCount >= examples.count, "the totals count fewer examples than the micro-batch")
        var result = ObjectiveResult()
        for scored in examples {
            try check(scored.example)
            scored.checkShape(against: scoredTokens(of: scored.example), needsReference: needsReference)
            switch (self, scored.example) {
            case (.supervised, .supervised): result.addLikelihood(scored.scores[0].policy, weight: 1, totals)
            case (.dpo(let formula), .preference): formula.add(scored, totals, to: &result)
            case (.cpo(let formula), .preference): formula.add(scored, totals, to: &result)
            case (.orpo(let formula), .preference(let chosen, _)):
                formula.add(scored, isAnswer: chosen.isTarget, totals, to: &result)
            case (.kto(let formula), .labelled(_, let isDesirable)):
                formula.add(scored, isDesirable: isDesirable, totals, to: &result)
            default: preconditionFailure("the example's kind is checked")
            }
        }
        return result
    }
}

extension TrainingExample {
    /// What an example is, without its tokens.
    public enum Kind: String, Sendable {
        case supervised
        case preference
        case labelled

        var text: String {
            switch self {
            case .supervised: "answers"
            case .preference: "chosen and rejected answers"
            case .labelled: "answers with a label"
            }
        }
    }

    public var kind: Kind {
        switch self {
        case .supervised: .supervised
        case .preference: .preference
        case .labelled: .labelled
        }
    }
}
