internal import Tensors

/// The modules that a LoRA changes, checked against the base.
struct LoRAPlanner {
    let configuration: LoRAConfiguration
    private let content: AdapterContent
    private let base: BaseModules
    private var planner: TargetPlanner<LoRAPart>
    private var vocabulary: VocabularyPlanner
    private var biases: BiasPlanner
    let norms: NormPlanner
    private let experts: ExpertsPlanner

    var errors: [AdapterError] { planner.errors + vocabulary.errors + biases.errors + norms.errors + experts.errors }

    init(configuration: LoRAConfiguration, content: AdapterContent, base: BaseModules) {
        self.configuration = configuration
        self.content = content
        self.base = base
        planner = TargetPlanner(content, base: base, selection: configuration.selection, kind: "a LoRA")
        vocabulary = VocabularyPlanner(content, base: base, options: configuration.vocabulary)
        biases = BiasPlanner(content, base: base, selection: configuration.selection, rule: configuration.biases)
        norms = NormPlanner(content, base: base, saved: configuration.vocabulary.savedNorms)
        experts = ExpertsPlanner(content, base: base, configuration: configuration)
    }

    mutating func plan() -> LoRAPlan {
        let found = planner.targets(
            apart: vocabulary.names.union(biases.names).union(norms.names).union(experts.names), refusal: Self.refusal(configuration))
        let targeted = targetedVocabulary
        let hasMagnitudes =
            found.contains { Self.magnitude($0) != nil }
            || targeted.contains { vocabulary.has(.magnitude, of: $0) || vocabulary.has(.magnitudeWeight, of: $0) }
        let targets = found.compactMap { target($0, hasMagnitudes: hasMagnitudes) }.flatMap(\.split)
        let inert = found.filter { $0.tensors[.velora] != nil }.count
        var pairs: [VocabularyModule: VocabularyPair] = [:]
        for module in VocabularyModule.allCases where targeted.contains(module) {
            pairs[module] = pair(module, hasMagnitude: hasMagnitudes)
        }
        let vocabularyPlan = vocabulary.plan(targeted: targeted, pairs: pairs)
        if vocabulary.errors.isEmpty && biases.errors.isEmpty && experts.errors.isEmpty {
            planner.checkSomethingIsTargeted(targets.count + experts.targets.count + (vocabularyPlan.isEmpty ? 0 : 1))
        }
        return LoRAPlan(
            configuration: configuration, manifest: content.manifest, layers: base.layers, targets: targets, biases: biases.targets,
            vocabulary: vocabularyPlan, experts: ExpertsPlan(targets: experts.targets, experts: base.configuration.experts?.count ?? 0),
            weights: base.weights, inertTensors: inert)
    }

    /// Embedding and head, where they get a pair. A module that is saved whole is not a target. With `ensure_weight_tying`, a target
    /// includes the module it is tied to.
    private var targetedVocabulary: Set<VocabularyModule> {
        let options = configuration.vocabulary
        let named = VocabularyModule.allCases.filter {
            configuration.selection.contains($0.path, isLinear: false) && !options.saved.contains($0)
        }
        return Set(options.isTied && !named.isEmpty ? VocabularyModule.allCases : named)
    }

    /// Parts that the configuration turns off.
    private static func refusal(_ configuration: LoRAConfiguration) -> (LoRAPart) -> String? {
        { part in
            switch part {
            case .a, .b, .velora: nil
            case .bias: configuration.hasBias ? nil : "the configuration has lora_bias off"
            case .magnitude, .magnitudeWeight: configuration.usesDoRA ? nil : "the magnitude of DoRA; the configuration has use_dora off"
            }
        }
    }

    private static func magnitude(_ target: TargetPlanner<LoRAPart>.Target) -> TensorView? {
        target.tensors[.magnitude] ?? target.tensors[.magnitudeWeight]
    }

    /// `hasMagnitudes`: if one target has a magnitude, all have to; in a file without magnitudes the norms of the base's rows are meant.
    private mutating func target(_ found: TargetPlanner<LoRAPart>.Target, hasMagnitudes: Bool) -> LoRATarget? {
        let before = planner.errors.count
        let (module, tensors) = found
        let rank = configuration.rank(of: module.path)
        planner.require(configuration.hasBias ? [.a, .b, .bias] : [.a, .b], of: found)
        planner.check(tensors[.a], [rank, module.inputs], rankDimension: 0)
        planner.check(tensors[.b], [module.outputs, rank], rankDimension: 1)
        planner.check(tensors[.bias], [module.outputs])
        let magnitude = Self.magnitude(found)
        if magnitude == nil && hasMagnitudes { planner.require([.magnitude], of: found) }
        planner.check(magnitude, [module.outputs])
        if tensors[.magnitude] != nil, let second = tensors[.magnitudeWeight] {
            planner.note(
                AdapterError(
                    .unreadTensor, "the module has another magnitude, \(LoRAPart.magnitude.rawValue)", file: AdapterFile.weights,
                    tensor: second.name))
        }
        let scale = scale(of: module.path)
        guard planner.errors.count == before, let a = tensors[.a], let b = tensors[.b] else { return nil }
        return LoRATarget(
            module: module, rank: rank, scale: scale, a: a, b: b, bias: tensors[.bias], magnitude: magnitude,
            isDecomposed: configuration.usesDoRA)
    }

    private mutating func scale(of path: String) -> Double {
        let scale = configuration.scale(of: path)
        if !Float(scale).isFinite {
            planner.note(
                AdapterError(
                    .nonFinite, "the factor \(scale) of \(path) does not fit f32", file: AdapterFile.configuration, key: "lora_alpha"))
        }
        return scale
    }

    // MARK: Embedding and head

    private mutating func pair(_ module: VocabularyModule, hasMagnitude: Bool) -> VocabularyPair? {
        let (rank, scale) = (configuration.rank(of: module.path), scale(of: module.path))
        let (tokens, hidden) = (vocabulary.vocabulary, vocabulary.hidden)
        let isEmbedding = module == .embedding
        let a =
            isEmbedding
            ? vocabulary.take(.embeddingA, of: module, [rank, tokens], rankDimension: 0, vocabularyDimension: 1)
            : vocabulary.take(.a, of: module, [rank, hidden], rankDimension: 0)
        let b =
            isEmbedding
            ? vocabulary.take(.embeddingB, of: module, [hidden, rank], rankDimension: 1)
            : vocabulary.take(.b, of: module, [tokens, rank], rankDimension: 1, vocabularyDimension: 0)
        if isEmbedding && configuration.hasBias {
            vocabulary.note(
                AdapterError(
                    .unsupported, "an embedding has no lora_bias, in peft neither", file: AdapterFile.configuration, key: "lora_bias"))
        }
        let bias = isEmbedding || !configuration.hasBias ? nil : vocabulary.take(.bias, of: module, [tokens], vocabularyDimension: 0)
        var magnitude: TensorView?
        if configuration.usesDoRA && hasMagnitude {
            let part: VocabularyPart = vocabulary.has(.magnitudeWeight, of: module) ? .magnitudeWeight : .magnitude
            magnitude = vocabulary.take(part, of: module, [isEmbedding ? hidden : tokens])
        }
        guard let a, let b else { return nil }
        return VocabularyPair(
            rank: rank, scale: scale, a: a, b: b, bias: bias, magnitude: magnitude, isDecomposed: configuration.usesDoRA)
    }
}
