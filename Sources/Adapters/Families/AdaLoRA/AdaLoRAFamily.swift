internal import JSON

/// AdaLoRA (Zhang et al. 2023) as PEFT writes it: `y = W x + alpha / (r0 + 1e-5) * B (E * (A x))`, with a singular value of E for each rank.
/// r0 is the rank that modules had when training began (`init_r`), which stays in the factor after ranks were taken away; what is left
/// of a module is in `rank_pattern`, and may be nothing. PEFT does not read `r`, `alpha_pattern`, `use_rslora` and `lora_bias` of it.
public struct AdaLoRAFamily: AdapterFamily {
    public let name = "adalora"

    public init() {}

    public func recognises(_ manifest: AdapterManifest) -> Bool { manifest.peftType == "ADALORA" }

    public func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        Self.keys.check(content.manifest, problems: &problems)
        let names = FactoredConfiguration.Keys(rank: "init_r", defaultRank: 12, alpha: "lora_alpha", biases: "lora_only")
        guard let configuration = FactoredConfiguration(content.manifest, names, limits: limits, problems: &problems) else { return nil }
        guard let left = problems.noting({ () throws(AdapterError) in try Self.ranksLeft(content.manifest) }) else { return nil }
        let initial = configuration.rank
        let scale = ((configuration.alpha ?? 0) > 0 ? configuration.alpha ?? 1 : Double(initial)) / (Double(initial) + 1e-5)
        return FactoredFamily.plan(name, kind: "AdaLoRA", configuration, content, base, limits, &problems) { found, planner in
            AdaLoRATarget(found, rank: left[found.module.path] ?? initial, scale: scale, &planner)
        }
    }

    /// The ranks that a module kept, by its path: `rank_pattern` has true or false for each rank of `<module>.lora_E`.
    private static func ranksLeft(_ manifest: AdapterManifest) throws(AdapterError) -> [String: Int] {
        let key = "rank_pattern"
        var ranks: [String: Int] = [:]
        do throws(JSONError) {
            let cursor = JSONCursor(.object(manifest.document))[key]
            guard cursor.exists else { return [:] }
            for (name, list) in try cursor.members() {
                let parts = name.split(separator: ".")
                guard let end = parts.lastIndex(of: "lora_E") else { throw list.invalid("expected a name that ends in lora_E") }
                var count = 0
                for element in try list.array() { count += try element.bool() ? 1 : 0 }
                ranks[parts[..<end].joined(separator: ".")] = count
            }
        } catch {
            throw AdapterError(error)
        }
        return ranks
    }

    /// The keys of PEFT's `AdaLoraConfig` (0.21).
    private static let keys = ConfigurationKeys(
        peft: [
            "init_r": .read, "lora_alpha": .read, "rank_pattern": .read, "bias": .read,
            // The schedule of training.
            "target_r": .noEffect, "tinit": .noEffect, "tfinal": .noEffect, "deltaT": .noEffect, "beta1": .noEffect, "beta2": .noEffect,
            "orth_reg_weight": .noEffect, "total_step": .noEffect, "lora_dropout": .noEffect, "init_lora_weights": .noEffect,
            // Keys of LoRA that PEFT does not read of an AdaLoRA.
            "r": .noEffect, "alpha_pattern": .noEffect, "use_rslora": .noEffect, "lora_bias": .noEffect, "fan_in_fan_out": .noEffect,
            "megatron_core": .noEffect, "qalora_group_size": .noEffect, "runtime_config": .noEffect,
        ])
}
