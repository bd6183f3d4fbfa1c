/// Low-rank adapters (Hu et al. 2021) as PEFT writes them: `y = W x + s * (B (A x) + bias)`, with `s = alpha / r`, or
/// `alpha / sqrt(r)` for rsLoRA (Kalajdzievski 2023). DoRA (Liu et al. 2024) scales the rows: `y = g * (W x + s B A x) + b`.
public struct LoRAFamily: AdapterFamily {
    public let name = "lora"

    public init() {}

    public func recognises(_ manifest: AdapterManifest) -> Bool { manifest.peftType == "LORA" }

    public func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        LoRAKeys.table.check(content.manifest, problems: &problems)
        let base = base.asNamed(in: content)
        guard let configuration = LoRAConfiguration(content.manifest, base: base, limits: limits, problems: &problems) else { return nil }
        if configuration.usesDoRA { _ = base.weights(for: "DoRA", key: "use_dora", problems: &problems) }
        var planner = LoRAPlanner(configuration: configuration, content: content, base: base)
        let plan = planner.plan()
        for error in planner.errors { problems.note(error) }
        if !configuration.invocation.isEmpty, (plan.vocabulary.embedding.table?.rows ?? 0) > base.configuration.vocabulary {
            problems.note(
                AdapterError(
                    .unsupported, "the adapter begins at its invocation tokens (aLoRA), and tokens before them may be of its own vocabulary: train without resizing it",
                    file: AdapterFile.configuration, key: "alora_invocation_tokens"))
        }
        guard !planner.norms.targets.isEmpty else { return plan }
        return JoinedPlan(
            plan: plan, vocabulary: VocabularyPlan(weights: base.weights), biases: [],
            norms: NormPlan(targets: planner.norms.targets, base: base), weights: base.weights, layers: base.layers)
    }
}
