internal import Models
internal import Tensors

/// The modules that a LoRA changes.
struct LoRAPlan: AdapterPlan {
    let configuration: LoRAConfiguration
    let manifest: AdapterManifest
    let layers: Int
    let targets: [LoRATarget]
    let biases: [BiasTarget]
    let vocabulary: VocabularyPlan
    let experts: ExpertsPlan
    /// For DoRA and biases, which are computed from them.
    let weights: BaseWeights?
    /// Tensors of the file that only training reads (VeLoRA).
    let inertTensors: Int

    var summary: AdapterSummary {
        let pairs = [vocabulary.embedding.pair, vocabulary.head.pair].compactMap { $0 }
        var summary = AdapterSummary(family: configuration.usesDoRA ? "dora" : "lora", targets: targets, manifest: manifest)
        summary.targets += experts.shortNames + vocabulary.modules.map(\.shortName)
        summary.patchCount += experts.patchCount + vocabulary.modules.count + biases.filter { !isTargeted($0) }.count
        summary.parameters += experts.parameters + vocabulary.parameters + biases.reduce(0) { $0 + $1.parameters }
        summary.ranks = (targets.map(\.rank) + experts.targets.map(\.rank) + pairs.map(\.rank)).extent
        summary.alpha = configuration.alpha
        summary.scales = (targets.map(\.scale) + experts.targets.map(\.scale) + pairs.map(\.scale)).extent
        if configuration.usesDoRA && targets.allSatisfy({ $0.magnitude == nil }) && pairs.allSatisfy({ $0.magnitude == nil }) {
            summary.notices.append("the file has no DoRA magnitudes: the norms of the base's rows are taken, as when training begins")
        }
        if !configuration.invocation.isEmpty {
            summary.notices.append(
                "an activated LoRA: it acts from the last of its invocation tokens \(configuration.invocation) in a prompt on; a prompt without them"
                    + " is answered by the base")
        }
        if inertTensors > 0 {
            summary.notices.append("\(inertTensors) tensors lora_velora_embed are ignored: VeLoRA reads them in training alone")
        }
        return summary
    }

    private func isTargeted(_ bias: BiasTarget) -> Bool { targets.contains { $0.module.path == bias.module.path } }

    /// The module has two biases, which become one.
    private func isJoined(_ bias: BiasTarget) -> Bool {
        targets.contains { $0.module.path == bias.module.path && $0.bias != nil }
    }

    func byteCount(element: LowRank.Element) -> Int {
        let pairs = targets.reduce(0) { sum, target in
            let bytes = LowRank.byteCounts(a: target.a, b: target.b, element: element)
            return sum + bytes.a + bytes.b + 4 * ((target.bias?.elementCount ?? 0) + (target.isDecomposed ? target.module.outputs : 0))
        }
        return pairs + biases.filter { !isJoined($0) }.reduce(0) { $0 + 4 * $1.module.outputs } + vocabulary.byteCount(element: element)
            + experts.byteCount(element)
    }

    func delta(element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> AdapterDelta? {
        let footprints = targets.map { LowRank.footprint(a: $0.a, b: $0.b, element: element) }
        guard let memory = problems.memory(footprints.reduce(0, +)) else { return nil }
        // Memory is assigned first, so that matrices lie in the order of the model whichever thread fills them.
        let parts = footprints.map(memory.part)
        let patches = elements.patches(targets, problems: &problems) { (index, reader) throws(AdapterError) in
            try patch(try targets[index].read(reader), element, parts[index])
        }
        let differences = elements.patches(biases, problems: &problems) { (index, reader) throws(AdapterError) in
            guard let weights else { return nil }
            return try biases[index].difference(reader, weights).map { LinearPatch(bias: $0) }
        }
        let vocabulary = vocabulary.patches(element: element, elements: elements, problems: &problems)
        let experts = experts.patches(layers: layers, element: element, elements: elements, problems: &problems)
        guard let patches, let differences, let vocabulary, let experts else { return nil }
        let joined = patches.adding(differences)
        guard !joined.isEmpty || !vocabulary.isEmpty || !experts.isEmpty else {
            problems.note(noEffect)
            return nil
        }
        return AdapterDelta(
            layers: layers, patches: joined, embedding: vocabulary.embedding, head: vocabulary.head, experts: experts,
            invocation: configuration.invocation)
    }

    /// Nil when the module stays as it is.
    private func patch(
        _ target: LoRATarget, _ element: LowRank.Element, _ memory: MatrixMemory
    ) throws(AdapterError) -> LinearPatch? {
        var patch = try target.lowRankPatch(element, memory)
        if target.isDecomposed, let weights {
            if let magnitude = target.magnitude { try ElementLimit.check(magnitude) }
            let factors = try WeightDecomposition(target, weights: weights).factors(target.magnitude)
            if !patch.isEmpty || !WeightDecomposition.areUnity(factors) { patch.outputScale = FloatBuffer(factors) }
        }
        return patch.isEmpty ? nil : patch
    }

    private var noEffect: AdapterError {
        if let first = targets.first, targets.allSatisfy({ Float($0.scale) == 0 }) {
            return AdapterError(
                .noEffect, "the factor of \(first.module.path) and of all others is 0", file: AdapterFile.configuration, key: "lora_alpha")
        }
        let others = vocabulary.modules.map { ", \($0.path) is the base's" }.joined()
        return AdapterError(
            .noEffect,
            "A or B is zero in all \(targets.count + experts.targets.count) targets\(others): the adapter would change nothing; was it saved before training?",
            file: AdapterFile.weights, tensor: targets.first?.b.name ?? experts.targets.first?.b.name ?? vocabulary.embedding.tensors.first?.name)
    }

    func effects() -> [AdapterEffect] {
        let own = targets.map { target in
            AdapterEffect(
                module: target.module.path, layer: target.module.layer, projection: target.module.projection, rank: target.rank,
                scale: target.scale, norm: norm(target))
        }
        return own.adding(biases, weights) + experts.effects + vocabulary.effects()
    }

    private func norm(_ target: LoRATarget) -> Double {
        if target.isDecomposed, let weights {
            let decomposition = WeightDecomposition(target, weights: weights)
            return (try? decomposition.factors(target.magnitude)).map(decomposition.change) ?? 0
        }
        let bias = target.bias?.floats() ?? []
        let biasNorm = bias.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return abs(target.scale) * (LowRankNorm.norm(a: target.a, b: target.b) + biasNorm)
    }
}
