internal import JSON

/// What the configurations of families that add products have in common: ranks and alphas, by pattern, and which modules are meant.
struct FactoredConfiguration: Sendable {
    /// The names and defaults that a family has in PEFT.
    struct Keys {
        var rank = "r"
        let defaultRank: Int
        /// Nil: the family has none.
        var alpha: String?
        var defaultAlpha = 8.0
        /// The values of `rank_pattern` and `alpha_pattern` are numbers by pattern.
        var hasPatterns = false
        /// What the family calls training of its targets' biases; nil: it trains none.
        var biases: String?
    }

    /// For every decoder that is served here, when the configuration names no targets.
    private static let defaultTargets = ["q_proj", "v_proj"]

    let rank: Int
    let alpha: Double?
    /// What the alpha is called; nil: there is none.
    let alphaKey: String?
    let selection: ModuleSelection
    let biases: BiasRule
    private let ranks: PatternTable<Int>?
    private let alphas: PatternTable<Double>?

    /// Notes every value that cannot be served; nil when one of those that follow depend on is unreadable.
    init?(_ manifest: AdapterManifest, _ keys: Keys, limits: AdapterLimits, problems: inout AdapterProblems) {
        let reader = ConfigurationReader(document: JSONCursor(.object(manifest.document)))
        let rankRange = 1...limits.rank
        alphaKey = keys.alpha
        _ = problems.noting { () throws(AdapterError) in try reader.checkTask() }
        biases = keys.biases.flatMap { name in problems.noting { () throws(AdapterError) in try BiasRule(reader, targets: name) } } ?? .none
        let rank = problems.noting { () throws(AdapterError) in try reader.integer(keys.rank, in: rankRange) ?? keys.defaultRank }
        let alpha = problems.noting { () throws(AdapterError) in
            try keys.alpha.map { (key) throws(AdapterError) in try reader.number(key) ?? keys.defaultAlpha }
        }
        let selection = problems.noting { () throws(AdapterError) in try reader.selection(defaults: Self.defaultTargets) }
        let ranks = problems.noting { () throws(AdapterError) in
            try keys.hasPatterns ? reader.table("rank_pattern") { (value) throws(JSONError) in try value.int(in: rankRange) } : nil
        }
        let alphas = problems.noting { () throws(AdapterError) in
            try keys.hasPatterns && keys.alpha != nil
                ? reader.table("alpha_pattern") { (value) throws(JSONError) in try value.double() } : nil
        }
        guard let rank, let alpha, let selection, let ranks, let alphas else { return nil }
        (self.rank, self.alpha, self.selection, self.ranks, self.alphas) = (rank, alpha, selection, ranks, alphas)
    }

    func rank(of path: String) -> Int { ranks?.value(for: path) ?? rank }
    func alpha(of path: String) -> Double { alphas?.value(for: path) ?? alpha ?? 1 }
}
