internal import Models
internal import Tensors

/// The modules to which an adapter adds products of matrices, whatever family it is of.
struct FactoredPlan<Target: FactoredTarget>: AdapterPlan {
    let family: String
    let manifest: AdapterManifest
    /// For people, where the family has one.
    var alpha: Double?
    let layers: Int
    let targets: [Target]

    /// Those that add something.
    private var products: [Target] { targets.filter { $0.rank > 0 } }

    var summary: AdapterSummary {
        var summary = AdapterSummary(family: family, targets: targets, manifest: manifest)
        summary.ranks = targets.map(\.rank).extent
        summary.alpha = alpha
        summary.scales = alpha == nil ? nil : targets.map(\.scale).extent
        return summary
    }

    func byteCount(element: LowRank.Element) -> Int {
        products.reduce(0) { sum, target in
            let bytes = bytes(target, element)
            return sum + bytes.a + bytes.b
        }
    }

    private func bytes(_ target: Target, _ element: LowRank.Element) -> (a: Int, b: Int) {
        LowRank.byteCounts(rank: target.rank, inputs: target.module.inputs, outputs: target.module.outputs, element: element)
    }

    func delta(element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> AdapterDelta? {
        let targets = products
        let footprints = targets.map { target in
            let bytes = bytes(target, element)
            return MatrixMemory.footprint(bytes.a) + MatrixMemory.footprint(bytes.b)
        }
        guard let memory = problems.memory(footprints.reduce(0, +)) else { return nil }
        // Memory is assigned first, so that matrices lie in the order of the model whichever thread fills them.
        let parts = footprints.map(memory.part)
        let patches = elements.patches(targets, problems: &problems) { (index, reader) throws(AdapterError) in
            var tensors: [TensorView] = []
            for tensor in targets[index].tensors { tensors.append(try reader.read(tensor)) }
            let patch = try targets[index].pair(tensors).lowRankPatch(element, parts[index])
            return patch.isEmpty ? nil : patch
        }
        guard let patches else { return nil }
        guard !patches.isEmpty else {
            problems.note(
                AdapterError(
                    .noEffect,
                    "what is added is zero in all \(self.targets.count) targets: the adapter would change nothing; was it saved before training?",
                    file: AdapterFile.weights, tensor: self.targets.first?.tensors.first?.name))
            return nil
        }
        return AdapterDelta(layers: layers, patches: patches)
    }

    func effects() -> [AdapterEffect] {
        targets.map { target in
            // A pair that cannot be made has norm 0 here; `delta` makes the same one and reports its error.
            let pair = target.rank > 0 ? try? target.pair(target.tensors) : nil
            return AdapterEffect(
                module: target.module.path, layer: target.module.layer, projection: target.module.projection, rank: target.rank,
                scale: target.scale, norm: pair.map { abs(target.scale) * LowRankNorm.norm(a: $0.a, b: $0.b) } ?? 0)
        }
    }
}
