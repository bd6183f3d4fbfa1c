internal import Models

/// The modules that an IA3 changes.
struct IA3Plan: AdapterPlan {
    let manifest: AdapterManifest
    let layers: Int
    let targets: [IA3Target]
    let weights: BaseWeights

    var summary: AdapterSummary { AdapterSummary(family: "ia3", targets: targets, manifest: manifest) }

    func byteCount(element: LowRank.Element) -> Int {
        targets.reduce(0) { sum, target in
            let hasBias = !target.isFeedForward && weights.configuration.biases.contains(target.module.projection)
            return sum + 4 * target.vector.elementCount * (hasBias ? 2 : 1)
        }
    }

    func delta(element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> AdapterDelta? {
        let patches = elements.patches(targets, problems: &problems) { (index, reader) throws(AdapterError) in
            try targets[index].patch(try reader.read(targets[index].vector), weights)
        }
        guard let patches else { return nil }
        guard !patches.isEmpty else {
            problems.note(
                AdapterError(
                    .noEffect, "all elements of all \(targets.count) vectors are 1: the adapter would change nothing; was it saved before training?",
                    file: AdapterFile.weights, tensor: targets.first?.vector.name))
            return nil
        }
        return AdapterDelta(layers: layers, patches: patches)
    }

    func effects() -> [AdapterEffect] {
        targets.map { target in
            AdapterEffect(
                module: target.module.path, layer: target.module.layer, projection: target.module.projection, rank: 0, scale: 1,
                norm: target.norm(weights))
        }
    }
}
