/// Memory experts (after Li et al. 2024, "Banishing LLM hallucinations requires rethinking generalization"): facts tuned into
/// rank-1 slices of a huge array, of which a request uses the few that belong to its text.
///
/// For a request whose text is near a fact's key, with the slices `(a_j, b_j)` and shares `p_j` of that fact, each layer that
/// carries memory computes `y = FFN(x) + scale * sum_j p_j b_j (a_j . x)`, where x is what the feed-forward reads. A slice that
/// was never written is not in the file and adds nothing.
///
/// This family reads what was tuned; it does not choose slices of its own. The format is in `docs/adapters.md`.
public struct MemoryExpertsFamily: AdapterFamily {
    public let name = "memory_experts"

    public init() {}

    public func recognises(_ manifest: AdapterManifest) -> Bool { manifest.peftType == "MEMORY_EXPERTS" }

    public func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        MemoryExpertsConfiguration.keys.check(content.manifest, problems: &problems)
        guard let configuration = MemoryExpertsConfiguration(content.manifest, base: base, limits: limits, problems: &problems) else {
            return nil
        }
        return MemoryExpertsPlanner(configuration: configuration, content: content, base: base).plan(problems: &problems)
    }
}
