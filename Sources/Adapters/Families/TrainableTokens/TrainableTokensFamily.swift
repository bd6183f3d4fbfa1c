internal import JSON
internal import Models
internal import Tensors

/// Nothing but trained tokens, as PEFT's `TRAINABLE_TOKENS` writes them: rows of the embedding that take the place of the base's, and of
/// a head that is tied to it.
public struct TrainableTokensFamily: AdapterFamily {
    private static let keys = ConfigurationKeys([
        "peft_type": .read, "task_type": .read, "token_indices": .read, "target_modules": .read,
        // Where it comes from.
        "base_model_name_or_path": .noEffect, "revision": .noEffect, "auto_mapping": .noEffect, "peft_version": .noEffect,
        "inference_mode": .noEffect,
        // The rows are in the file.
        "init_weights": .noEffect,
    ])

    public let name = "trainable_tokens"

    public init() {}

    public func recognises(_ manifest: AdapterManifest) -> Bool { manifest.peftType == "TRAINABLE_TOKENS" }

    public func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        Self.keys.check(content.manifest, problems: &problems)
        let reader = ConfigurationReader(document: JSONCursor(.object(content.manifest.document)))
        _ = problems.noting { () throws(AdapterError) in try reader.checkTask() }
        let tokens = problems.noting { () throws(AdapterError) in try reader.tokens("token_indices", of: base.configuration) }
        let selection = problems.noting { () throws(AdapterError) in try reader.selection(defaults: [VocabularyModule.embedding.shortName]) }
        guard let tokens, let selection else { return nil }
        guard !tokens.isEmpty else {
            problems.note(AdapterError(.noEffect, "no token is trained", file: AdapterFile.configuration, key: "token_indices"))
            return nil
        }
        var options = VocabularyOptions()
        for module in VocabularyModule.allCases where selection.contains(module.path, isLinear: false) { options.tokens[module] = tokens }
        var vocabulary = VocabularyPlanner(content, base: base, options: options, tokensPart: .tokensAlone)
        let plan = vocabulary.plan()
        // What is neither embedding nor head: no tensor, and no target.
        var planner = TargetPlanner<VocabularyPart>(content, base: base, selection: selection, kind: "an adapter of trained tokens")
        _ = planner.targets(apart: vocabulary.names) { _ in "only rows of the embedding and of the head are read" }
        if vocabulary.errors.isEmpty { planner.checkSomethingIsTargeted(plan.modules.count) }
        for error in planner.errors + vocabulary.errors { problems.note(error) }
        return TrainableTokensPlan(manifest: content.manifest, layers: base.layers, vocabulary: plan)
    }
}

/// The rows of an adapter that has nothing else.
struct TrainableTokensPlan: AdapterPlan {
    let manifest: AdapterManifest
    let layers: Int
    let vocabulary: VocabularyPlan

    var summary: AdapterSummary {
        AdapterSummary(
            family: "trainable_tokens", targets: vocabulary.modules.map(\.shortName), patchCount: vocabulary.modules.count,
            parameters: vocabulary.parameters, baseModelName: manifest.baseModelName)
    }

    func byteCount(element: LowRank.Element) -> Int { vocabulary.byteCount(element: element) }

    func delta(element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> AdapterDelta? {
        guard let patches = vocabulary.patches(element: element, elements: elements, problems: &problems) else { return nil }
        guard !patches.isEmpty else {
            problems.note(
                AdapterError(
                    .noEffect, "the rows are the base's: the adapter would change nothing; was it saved before training?",
                    file: AdapterFile.weights, tensor: (vocabulary.embedding.rows ?? vocabulary.head.rows)?.name))
            return nil
        }
        return AdapterDelta(layers: layers, patches: [], embedding: patches.embedding, head: patches.head)
    }

    func effects() -> [AdapterEffect] { vocabulary.effects() }
}
