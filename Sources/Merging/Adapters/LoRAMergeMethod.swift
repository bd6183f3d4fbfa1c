internal import Adapters
internal import Generation

/// How several LoRAs become one: the names of PEFT's `combination_type`, and mergekit's `task_arithmetic`.
public enum LoRAMergeMethod: String, Sendable, CaseIterable {
    /// The weighted sum, exactly: ranks are put one after the other.
    case cat
    /// The weighted sum, in fewer ranks.
    case linear, svd
    case taskArithmetic = "task_arithmetic"
    /// The largest changes, of which those with the elected sign are added (Yadav et al. 2023).
    case ties
    case tiesSVD = "ties_svd"
    /// Random changes (Yu et al. 2023), added.
    case dareLinear = "dare_linear"
    case dareLinearSVD = "dare_linear_svd"
    /// Random changes, of which those with the elected sign are added.
    case dareTies = "dare_ties"
    case dareTiesSVD = "dare_ties_svd"
    /// The largest changes, added.
    case magnitudePrune = "magnitude_prune"
    case magnitudePruneSVD = "magnitude_prune_svd"

    /// Keeps only some of the elements.
    public var isSparse: Bool {
        switch self {
        case .cat, .linear, .svd, .taskArithmetic: false
        default: true
        }
    }

    /// Draws the elements that it keeps.
    public var isRandom: Bool { rawValue.hasPrefix("dare") }

    /// PEFT merges the whole changes, and not A and B by themselves.
    var isOfChanges: Bool { rawValue.hasSuffix("svd") }

    /// Without the suffix that says in which space PEFT merges.
    var plain: LoRAMergeMethod { LoRAMergeMethod(rawValue: String(rawValue.replacing("_svd", with: ""))) ?? self }
}

/// Whose rules a merge follows.
public enum LoRAMergeRules: String, Sendable, CaseIterable {
    /// Whole changes `w s B A`; TIES and DARE by PEFT's votes and divisors.
    case delta
    /// Whole changes; mergekit's votes by weighted values, divisors by weights and rescaling by magnitudes.
    case mergekit
    /// PEFT's `add_weighted_adapter`: A and B by themselves, unless the method's name ends in `svd`.
    case peft
    /// LoRAX's `merged_adapters`: A and B by themselves, with the first adapter's factor.
    case lorax
    /// Whole changes; the papers' votes and divisors. Each matrix is trimmed by itself.
    case paper

    /// The methods that these rules know.
    public var methods: [LoRAMergeMethod] {
        switch self {
        case .delta: LoRAMergeMethod.allCases
        case .mergekit: [.linear, .taskArithmetic, .ties, .dareLinear, .dareTies]
        case .peft: LoRAMergeMethod.allCases.filter { $0 != .taskArithmetic }
        case .lorax: [.linear, .ties, .dareLinear, .dareTies]
        case .paper: [.taskArithmetic, .ties, .dareLinear, .dareTies]
        }
    }
}

/// What is done with the pairs of one module.
enum LoRAMergeSteps {
    /// Ranks one after the other.
    case stack
    /// The sum in fewer ranks.
    case sum
    /// The whole changes, element by element, in fewer ranks. Factors are in the changes.
    case changes(FactorMerge)
    /// A and B by themselves, each times the root of weight and factor.
    case roots(FactorMerge)
    /// A and B by themselves, times the weight; the factor is the first adapter's.
    case plain(FactorMerge)

    init(_ method: LoRAMergeMethod, _ rules: LoRAMergeRules, density: Double, majoritySign: AdapterMerge.MajoritySign, seed: UInt64) {
        let vote: FactorMerge.Vote = majoritySign == .total ? .total : .frequency
        let rescale: FactorMerge.Rescale =
            switch rules {
            case .delta, .peft, .paper: .byDensity
            case .mergekit: .byMagnitude
            case .lorax: .none
            }
        var merge = FactorMerge(keep: .all, vote: .none, divisor: .one, density: density, seed: seed)
        switch method.plain {
        case .ties: (merge.keep, merge.vote, merge.divisor) = (.largest, vote, .count)
        case .dareLinear: merge.keep = .random(rescale)
        case .dareTies: (merge.keep, merge.vote, merge.divisor) = (.random(rescale), vote, .count)
        case .magnitudePrune: merge.keep = .largest
        default: break
        }
        if rules == .mergekit {
            if merge.vote != .none { merge.vote = .weighted }
            merge.divisor = method == .linear || method == .ties ? .weights : .one
        }
        switch (rules, method) {
        case (_, .cat): self = .stack
        case (.lorax, _): self = .plain(merge)
        case (.peft, _) where !method.isOfChanges: self = .roots(merge)
        case (_, .linear) where rules == .mergekit: self = .changes(merge)
        case (_, .linear), (_, .svd), (_, .taskArithmetic): self = .sum
        default: self = .changes(merge)
        }
    }

    /// A and B are merged element by element, so that all adapters need the same rank.
    var needsEqualRanks: Bool {
        switch self {
        case .roots, .plain: true
        case .stack, .sum, .changes: false
        }
    }
}
