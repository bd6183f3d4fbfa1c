/// VeRA (Kopiczko et al. 2024) as PEFT writes it: `y = W x + lb * (B (ld * (A x)))` with vectors lb and ld of each module. A and B are
/// random, shared by all modules, and cut from their start to a module's widths.
public struct VeRAFamily: AdapterFamily {
    public let name = "vera"

    public init() {}

    public func recognises(_ manifest: AdapterManifest) -> Bool { manifest.peftType == "VERA" }

    public func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        VeRAKeys.table.check(content.manifest, problems: &problems)
        guard let configuration = VeRAConfiguration(content.manifest, limits: limits, problems: &problems) else { return nil }
        let common = CommonParts(
            content, base: base, selection: configuration.selection, biases: configuration.biases, problems: &problems)
        var planner = TargetPlanner<VeRAPart>(content, base: base, selection: configuration.selection, kind: "a module of VeRA")
        let found = planner.targets(apart: common.names.union(VeRAProjections.names))
        let projections = VeRAProjections(configuration, found.map(\.module), content, &planner)
        let targets = found.compactMap { VeRATarget($0, rank: configuration.rank, &planner) }
        planner.refuseVocabularyTargets(saved: common.saved)
        planner.checkSomethingIsTargeted(targets.count)
        for error in planner.errors { problems.note(error) }
        return projections.map {
            common.joined(
                to: VeRAPlan(
                    manifest: content.manifest, rank: configuration.rank, layers: base.layers, targets: targets, projections: $0))
        }
    }
}
