/// (IA)³ (Liu et al. 2022) as PEFT writes it: one vector l for each module. What a module gives is scaled, `y = l * (W x + b)`; what a
/// feed-forward module gets is, `y = W (l * x) + b`.
public struct IA3Family: AdapterFamily {
    public let name = "ia3"

    public init() {}

    public func recognises(_ manifest: AdapterManifest) -> Bool { manifest.peftType == "IA3" }

    public func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        IA3Keys.table.check(content.manifest, problems: &problems)
        guard let configuration = IA3Configuration(content.manifest, base: base, problems: &problems) else { return nil }
        guard let weights = base.weights(for: "the bias that is scaled", key: "peft_type", problems: &problems) else { return nil }
        let common = CommonParts(content, base: base, selection: configuration.selection, problems: &problems)
        var planner = TargetPlanner<IA3Part>(content, base: base, selection: configuration.selection, kind: "IA3")
        let targets = planner.targets(apart: common.names).compactMap { IA3Target($0, configuration, &planner) }
        planner.refuseVocabularyTargets(saved: common.saved)
        planner.checkSomethingIsTargeted(targets.count)
        for error in planner.errors { problems.note(error) }
        return common.joined(to: IA3Plan(manifest: content.manifest, layers: base.layers, targets: targets, weights: weights))
    }
}
