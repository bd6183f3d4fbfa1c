/// LoRAMoE (Dou et al. 2023): each targeted projection of the feed-forward has a router that weighs all of its low-rank experts;
/// attention has plain LoRAs. As MoE-PEFT writes it, or with the names of the paper's own code.
public struct LoRAMoEFamily: AdapterFamily {
    public let name = "loramoe"

    public init() {}

    public func recognises(_ manifest: AdapterManifest) -> Bool { manifest.peftType == "LORAMOE" }

    public func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        MixturePlanner.plan(.loRAMoE, MixtureKeys.linear, content, base, limits, &problems)
    }
}
