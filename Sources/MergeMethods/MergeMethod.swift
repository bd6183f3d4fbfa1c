/// The ways to make one tensor of several, by mergekit's names (0.1.5).
public enum MergeMethod: String, Sendable, CaseIterable {
    case linear, slerp, nuslerp, multislerp, karcher
    case taskArithmetic = "task_arithmetic"
    case ties
    case dareLinear = "dare_linear"
    case dareTies = "dare_ties"
    case breadcrumbs
    case breadcrumbsTies = "breadcrumbs_ties"
    case della
    case dellaLinear = "della_linear"
    case modelStock = "model_stock"
    case sce
    case arceeFusion = "arcee_fusion"
    case nearswap, passthrough

    /// Whether a source is the base of the others.
    public enum Base: Sendable { case required, optional, ignored }

    public var base: Base {
        switch self {
        case .linear, .karcher, .passthrough: .ignored
        case .nuslerp, .multislerp: .optional
        default: .required
        }
    }

    /// How many sources a tensor may have, the base included.
    public var sourceCount: ClosedRange<Int> {
        switch self {
        case .slerp, .arceeFusion, .nearswap: 2...2
        case .modelStock: 3...Int.max
        case .passthrough: 1...1
        default: 1...Int.max
        }
    }

    /// How many sources besides the base.
    public var changeCount: ClosedRange<Int> {
        switch self {
        case .nuslerp: 2...2
        case .multislerp: 1...Int.max
        default: 0...Int.max
        }
    }

    /// What becomes of a tensor that some sources lack (an untied head where others are tied, say).
    public enum Missing: Sendable {
        /// It is an error.
        case refused
        /// If only one source has it, that source gives it.
        case onlySource
        /// The only source that has it gives it if that is the base.
        case onlyBase
        /// The base gives it where it has it; else it is left out.
        case baseOrNone
    }

    public var missing: Missing {
        switch self {
        case .slerp, .nuslerp, .arceeFusion: .onlySource
        case .nearswap: .onlyBase
        case .modelStock: .baseOrNone
        default: .refused
        }
    }

    public var parameters: [MergeParameter] {
        switch self {
        case .linear:
            [.init("weight", .source), .init("normalize", .shared, .flag, standard: 1)]
        case .slerp, .nearswap:
            [.init("t", .shared)]
        case .nuslerp:
            [
                .init("weight", .change), .init("nuslerp_row_wise", .shared, .flag, standard: 0),
                .init("nuslerp_flatten", .shared, .flag, standard: 1),
            ]
        case .multislerp:
            [
                .init("weight", .change), .init("normalize_weights", .shared, .flag, standard: 1),
                .init("eps", .shared, standard: 1e-8),
            ]
        case .karcher:
            [.init("max_iter", .shared, .count, standard: 10), .init("tol", .shared, standard: 1e-5)]
        case .taskArithmetic, .ties, .dareLinear, .dareTies, .breadcrumbs, .breadcrumbsTies, .della, .dellaLinear:
            Self.ofChanges + [
                .init("normalize", .shared, .flag, standard: self == .ties || self == .della ? 1 : 0),
                .init("rescale", .shared, .flag, standard: [.dareLinear, .dareTies, .della, .dellaLinear].contains(self) ? 1 : 0),
            ] + ownOfChanges
        case .modelStock:
            [.init("filter_wise", .shared, .flag, standard: 0)]
        case .sce:
            [.init("int8_mask", .shared, .flag, standard: 0), .init("select_topk", .shared, standard: 1)]
        case .arceeFusion:
            []
        case .passthrough:
            [.init("scale", .source, isOptional: true)]
        }
    }

    /// Of all methods that add weighted changes to a base. `int8_mask` saves mergekit memory; here it changes nothing.
    private static let ofChanges: [MergeParameter] = [
        .init("weight", .change), .init("density", .change, standard: 1), .init("lambda", .shared, standard: 1),
        .init("int8_mask", .shared, .flag, standard: 0),
    ]

    private var ownOfChanges: [MergeParameter] {
        switch self {
        case .breadcrumbs, .breadcrumbsTies: [.init("gamma", .change, standard: 0.01)]
        case .della, .dellaLinear: [.init("epsilon", .change, standard: 0.15)]
        default: []
        }
    }
}
