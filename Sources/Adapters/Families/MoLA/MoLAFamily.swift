/// MoLA (Gao et al. 2024): each targeted projection has a router that chooses among low-rank experts of its own. As MoE-PEFT writes
/// it, with a number of experts for each layer as in the paper, or with the names of the paper's own code.
public struct MoLAFamily: AdapterFamily {
    public let name = "mola"

    public init() {}

    public func recognises(_ manifest: AdapterManifest) -> Bool { manifest.peftType == "MOLA" }

    public func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        MixturePlanner.plan(.moLA, MixtureKeys.linear, content, base, limits, &problems)
    }
}
