internal import JSON
internal import Models

/// LN tuning (Zhao et al. 2023) as PEFT writes it: norms of the adapter's own, `[width]` each, in place of the base's.
public struct LNTuningFamily: AdapterFamily {
    public let name = "ln_tuning"

    public init() {}

    public func recognises(_ manifest: AdapterManifest) -> Bool { manifest.peftType == "LN_TUNING" }

    public func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        Self.keys.check(content.manifest, problems: &problems)
        let reader = ConfigurationReader(document: JSONCursor(.object(content.manifest.document)))
        _ = problems.noting { () throws(AdapterError) in try reader.checkTask() }
        let defaults = Self.defaultTargets(base.configuration.architecture)
        guard let selection = problems.noting({ () throws(AdapterError) in try reader.selection(defaults: defaults) }) else { return nil }
        let common = CommonParts(content, base: base, selection: selection, problems: &problems)
        let norms = NormPlanner(content, base: base, ending: "ln_tuning_layers.weight") { selection.contains($0, isLinear: false) }
        var planner = TargetPlanner<LNTuningPart>(content, base: base, selection: selection, kind: "LN tuning")
        _ = planner.targets(apart: common.names.union(norms.names))
        planner.refuseVocabularyTargets(saved: common.saved)
        planner.checkSomethingIsTargeted(norms.targets.count + norms.errors.count)
        for error in norms.errors + planner.errors { problems.note(error) }
        return common.joined(
            to: LNTuningPlan(manifest: content.manifest, layers: base.layers, norms: NormPlan(targets: norms.targets, base: base)))
    }

    /// PEFT's, when the configuration names none.
    private static func defaultTargets(_ architecture: DecoderConfiguration.Architecture) -> [String] {
        switch architecture {
        case .llama, .mistral, .gemma: ["input_layernorm", "post_attention_layernorm", "norm"]
        case .qwen2, .qwen3: ["post_attention_layernorm"]
        case .gemma2, .gemma3:
            ["input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm", "norm"]
        case .smollm3, .granite, .phi3, .olmo2, .mistral3, .mixtral, .qwen3moe, .gptOSS: []
        }
    }

    /// The keys of PEFT's `LNTuningConfig` (0.21).
    private static let keys = ConfigurationKeys(peft: [:])
}

/// No tensor of a linear module: those are noted by name.
enum LNTuningPart: String, ModulePart {
    case weight = "ln_tuning_layers.weight"
}

/// The norms that LN tuning replaces.
struct LNTuningPlan: AdapterPlan {
    let manifest: AdapterManifest
    let layers: Int
    let norms: NormPlan

    var summary: AdapterSummary {
        AdapterSummary(
            family: "ln_tuning", targets: norms.shortNames, patchCount: norms.targets.count, parameters: norms.parameters,
            baseModelName: manifest.baseModelName)
    }

    func byteCount(element: LowRank.Element) -> Int { norms.byteCount }

    func delta(element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> AdapterDelta? {
        guard let factors = norms.factors(elements, problems: &problems) else { return nil }
        guard !factors.isEmpty else {
            problems.note(
                AdapterError(
                    .noEffect, "all \(norms.targets.count) norms are the base's: the adapter would change nothing; was it saved before training?",
                    file: AdapterFile.weights, tensor: norms.targets.first?.weight.name))
            return nil
        }
        return AdapterDelta(layers: layers, norms: factors)
    }

    func effects() -> [AdapterEffect] { norms.effects() }
}
