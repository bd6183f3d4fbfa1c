/// LoHa (Hyeon-Woo et al. 2022, FedPara) as PEFT writes it: `y = W x + alpha / r * ((w1a w1b) * (w2a w2b)) x`, the product of two low-rank
/// matrices element by element. It has rank r² at most: B has the products of all pairs of columns of w1a and w2a, and A those of the rows of
/// w1b and w2b.
public struct LoHaFamily: AdapterFamily {
    public let name = "loha"

    public init() {}

    public func recognises(_ manifest: AdapterManifest) -> Bool { manifest.peftType == "LOHA" }

    public func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        Self.keys.check(content.manifest, problems: &problems)
        let names = FactoredConfiguration.Keys(defaultRank: 8, alpha: "alpha", hasPatterns: true)
        guard let configuration = FactoredConfiguration(content.manifest, names, limits: limits, problems: &problems) else { return nil }
        return FactoredFamily.plan(name, kind: "LoHa", configuration, content, base, limits, &problems) { found, planner in
            LoHaTarget(
                found, rank: configuration.rank(of: found.module.path), alpha: configuration.alpha(of: found.module.path), &planner)
        }
    }

    /// The keys of PEFT's `LoHaConfig` (0.21).
    private static let keys = ConfigurationKeys(
        peft: [
            "r": .read, "alpha": .read, "rank_pattern": .read, "alpha_pattern": .read,
            // Training only, and convolutions only.
            "rank_dropout": .noEffect, "module_dropout": .noEffect, "init_weights": .noEffect, "use_effective_conv2d": .noEffect,
        ])
}
