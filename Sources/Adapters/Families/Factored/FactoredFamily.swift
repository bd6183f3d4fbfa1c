/// Reads a family of this kind: the same steps for all of them.
enum FactoredFamily {
    /// `target` checks one module's tensors, and is nil when something is wrong, which it notes.
    static func plan<Target: FactoredTarget, Part: ModulePart>(
        _ family: String, kind: String, _ configuration: FactoredConfiguration, _ content: AdapterContent, _ base: BaseModules,
        _ limits: AdapterLimits, _ problems: inout AdapterProblems,
        _ target: (TargetPlanner<Part>.Target, inout TargetPlanner<Part>) -> Target?
    ) -> any AdapterPlan {
        let common = CommonParts(content, base: base, selection: configuration.selection, biases: configuration.biases, problems: &problems)
        var planner = TargetPlanner<Part>(content, base: base, selection: configuration.selection, kind: kind)
        let found = planner.targets(apart: common.names)
        var targets: [Target] = []
        for module in found {
            guard let target = target(module, &planner) else { continue }
            if target.rank > limits.rank {
                planner.note(
                    AdapterError(
                        .limitExceeded, "the exact low-rank form of \(module.module.path) has rank \(target.rank); at most \(limits.rank) is served",
                        file: AdapterFile.configuration, key: "r"))
            }
            if !Float(target.scale).isFinite {
                planner.note(
                    AdapterError(
                        .nonFinite, "the factor \(target.scale) of \(module.module.path) does not fit f32", file: AdapterFile.configuration,
                        key: configuration.alphaKey))
            }
            targets.append(target)
        }
        planner.refuseVocabularyTargets(saved: common.saved)
        planner.checkSomethingIsTargeted(found.count)
        for error in planner.errors { problems.note(error) }
        return common.joined(
            to: FactoredPlan(
                family: family, manifest: content.manifest, alpha: configuration.alpha, layers: base.layers, targets: targets))
    }
}
