/// DeLoRA (Bini et al. 2025) as PEFT writes it: `y = W x + B diag(lambda / (r |A_i| |B_i|)) A (n * x)`: each rank's part has the length
/// lambda / r, in units of the base's columns, whose norms n were saved with the adapter.
public struct DeLoRAFamily: AdapterFamily {
    public let name = "delora"

    public init() {}

    public func recognises(_ manifest: AdapterManifest) -> Bool { manifest.peftType == "DELORA" }

    public func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        Self.keys.check(content.manifest, problems: &problems)
        let names = FactoredConfiguration.Keys(defaultRank: 8, hasPatterns: true, biases: "delora_only")
        guard let configuration = FactoredConfiguration(content.manifest, names, limits: limits, problems: &problems) else { return nil }
        return FactoredFamily.plan(name, kind: "DeLoRA", configuration, content, base, limits, &problems) { found, planner in
            DeLoRATarget(found, rank: configuration.rank(of: found.module.path), &planner)
        }
    }

    /// The keys of PEFT's `DeloraConfig` (0.21). Lambdas are in the file.
    private static let keys = ConfigurationKeys(
        peft: [
            "r": .read, "rank_pattern": .read, "bias": .read,
            "delora_lambda": .noEffect, "lambda_pattern": .noEffect, "module_dropout": .noEffect, "init_weights": .noEffect,
        ])
}
