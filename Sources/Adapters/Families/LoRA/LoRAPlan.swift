internal import Models
internal import Tensors

/// The modules that a LoRA changes.
struct LoRAPlan: AdapterPlan {
    /// How far from 1 all factors of a module may be that does nothing: norms are rounded.
    private static let unity: Float = 1e-5

    let configuration: LoRAConfiguration
    let manifest: AdapterManifest
    let layers: Int
    let targets: [LoRATarget]
    /// For DoRA, which is computed from them.
    let weights: BaseWeights?

    var summary: AdapterSummary {
        var summary = AdapterSummary(family: configuration.usesDoRA ? "dora" : "lora", targets: targets, manifest: manifest)
        summary.ranks = targets.map(\.rank).extent
        summary.alpha = configuration.alpha
        summary.scales = targets.map(\.scale).extent
        if configuration.usesDoRA && targets.allSatisfy({ $0.magnitude == nil }) {
            summary.notices.append("the file has no DoRA magnitudes: the norms of the base's rows are taken, as when training begins")
        }
        return summary
    }

    func byteCount(element: LowRank.Element) -> Int {
        targets.reduce(0) { sum, target in
            let bytes = LowRank.byteCounts(a: target.a, b: target.b, element: element)
            return sum + bytes.a + bytes.b + 4 * ((target.bias?.elementCount ?? 0) + (target.isDecomposed ? target.module.outputs : 0))
        }
    }

    func delta(element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> AdapterDelta? {
        let footprints = targets.map { LowRank.footprint(a: $0.a, b: $0.b, element: element) }
        let memory = MatrixMemory(byteCount: footprints.reduce(0, +))
        // Parts are given out first, so that matrices lie in the order of the model whichever thread fills them.
        let parts = footprints.map(memory.part)
        let patches = elements.patches(targets, problems: &problems) { (index, reader) throws(AdapterError) in
            try patch(try targets[index].read(reader), element, parts[index])
        }
        guard let patches else { return nil }
        guard !patches.isEmpty else {
            problems.note(noEffect)
            return nil
        }
        return AdapterDelta(layers: layers, patches: patches)
    }

    /// Nil when the module stays as it is.
    private func patch(
        _ target: LoRATarget, _ element: LowRank.Element, _ memory: MatrixMemory
    ) throws(AdapterError) -> LinearPatch? {
        var patch = try target.lowRankPatch(element, memory)
        if let weights {
            if let magnitude = target.magnitude { try ElementLimit.check(magnitude) }
            let factors = try WeightDecomposition(target, weights: weights).factors(target.magnitude)
            if !patch.isEmpty || factors.contains(where: { abs($0 - 1) > Self.unity }) { patch.outputScale = FloatBuffer(factors) }
        }
        return patch.isEmpty ? nil : patch
    }

    private var noEffect: AdapterError {
        if let first = targets.first, targets.allSatisfy({ Float($0.scale) == 0 }) {
            return AdapterError(
                .noEffect, "the factor of \(first.module.path) and of all others is 0", file: AdapterFile.configuration, key: "lora_alpha")
        }
        return AdapterError(
            .noEffect, "A or B is zero in all \(targets.count) targets: the adapter would change nothing; was it saved before training?",
            file: AdapterFile.weights, tensor: targets.first?.b.name)
    }

    func effects() -> [AdapterEffect] {
        targets.map { target in
            AdapterEffect(
                module: target.module.path, layer: target.module.layer, projection: target.module.projection, rank: target.rank,
                scale: target.scale, norm: norm(target))
        }
    }

    private func norm(_ target: LoRATarget) -> Double {
        if let weights {
            let decomposition = WeightDecomposition(target, weights: weights)
            return (try? decomposition.factors(target.magnitude)).map(decomposition.change) ?? 0
        }
        let bias = target.bias?.floats() ?? []
        let biasNorm = bias.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return abs(target.scale) * (LowRankNorm.norm(a: target.a, b: target.b) + biasNorm)
    }
}
