internal import Models

/// The modules that a VeRA changes.
struct VeRAPlan: AdapterPlan {
    let manifest: AdapterManifest
    let rank: Int
    let layers: Int
    let targets: [VeRATarget]
    let projections: VeRAProjections

    private var shapes: Set<VeRAProjections.Shape> { Set(targets.map { .init($0.module) }) }

    var summary: AdapterSummary {
        var summary = AdapterSummary(family: "vera", targets: targets, manifest: manifest)
        summary.ranks = rank...rank
        summary.parameters += projections.parameters
        return summary
    }

    func byteCount(element: LowRank.Element) -> Int {
        let matrices = shapes.reduce(0) { sum, shape in
            let bytes = LowRank.byteCounts(rank: rank, inputs: shape.inputs, outputs: shape.outputs, element: element)
            return sum + bytes.a + bytes.b
        }
        return matrices + targets.reduce(0) { $0 + 4 * (rank + $1.module.outputs) }
    }

    func delta(element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> AdapterDelta? {
        let matrices = problems.noting { () throws(AdapterError) in try projections.matrices(shapes, element, elements) }
        guard let matrices else { return nil }
        let patches = elements.patches(targets, problems: &problems) { (index, reader) throws(AdapterError) in
            guard let own = matrices[.init(targets[index].module)] else { return nil }
            return try targets[index].patch(reader, own)
        }
        guard let patches else { return nil }
        guard !patches.isEmpty else {
            problems.note(
                AdapterError(
                    .noEffect,
                    "lambda_b or lambda_d is zero in all \(targets.count) targets: the adapter would change nothing; was it saved before training?",
                    file: AdapterFile.weights, tensor: targets.first?.outputFactors.name))
            return nil
        }
        return AdapterDelta(layers: layers, patches: patches)
    }

    func effects() -> [AdapterEffect] {
        let norms = VeRANorms(projections, inputs: Set(targets.map(\.module.inputs)))
        return targets.map { target in
            AdapterEffect(
                module: target.module.path, layer: target.module.layer, projection: target.module.projection, rank: rank, scale: 1,
                norm: norms.norm(target))
        }
    }
}
