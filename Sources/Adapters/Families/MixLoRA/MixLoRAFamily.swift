/// MixLoRA (Li et al. 2024) as MoE-PEFT writes it: in place of each feed-forward a router chooses low-rank experts of the base's own
/// feed-forward; attention has plain LoRAs.
public struct MixLoRAFamily: AdapterFamily {
    public let name = "mixlora"

    public init() {}

    public func recognises(_ manifest: AdapterManifest) -> Bool { manifest.peftType == "MIXLORA" }

    public func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        MixturePlanner.plan(.mixLoRA, MixtureKeys.mixLoRA, content, base, limits, &problems)
    }
}
