internal import Models
internal import Tensors

/// The pairs of a LoRA that change the base's experts.
struct ExpertsPlan: Sendable {
    let targets: [ExpertsTarget]
    /// Of a layer of the base; 0 in bases without.
    let experts: Int

    /// What a summary calls them, each once, in the order of the model.
    var shortNames: [String] {
        targets.map(\.shortName).reduce(into: []) { names, name in if !names.contains(name) { names.append(name) } }
    }

    /// Updates of single linear maps.
    var patchCount: Int {
        targets.reduce(0) { sum, target in
            if case .all(let parts) = target.kind { sum + experts * parts.count } else { sum + 1 }
        }
    }

    var parameters: Int { targets.reduce(0) { $0 + $1.parameters } }

    func byteCount(_ element: LowRank.Element) -> Int { targets.reduce(0) { $0 + $1.byteCount(element) } }

    /// By layer; empty where nothing is changed. Nil only with a problem.
    func patches(layers: Int, element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> [ExpertsPatch?]? {
        if targets.isEmpty { return [] }
        let footprints = targets.map { $0.footprint(element) }
        guard let memory = problems.memory(footprints.reduce(0, +)) else { return nil }
        let parts = footprints.map(memory.part)
        let made = elements.made(
            targets.count, bytes: targets.reduce(0) { $0 + $1.room }, room: targets.map(\.room).max() ?? 0, problems: &problems
        ) { (index, reader) throws(AdapterError) in try targets[index].read(reader).updates(element, parts[index]) }
        guard let made else { return nil }
        var patches = [ExpertsPatch?](repeating: nil, count: layers)
        for (target, updates) in zip(targets, made) {
            for (place, lowRank) in updates ?? [] {
                var patch = patches[target.layer] ?? ExpertsPatch(experts: Array(repeating: .init(), count: experts))
                if let place { patch.experts[place.expert][place.projection] = lowRank } else { patch.router = lowRank }
                patches[target.layer] = patch
            }
        }
        return patches.contains { $0 != nil } ? patches : []
    }

    var effects: [AdapterEffect] {
        targets.map { AdapterEffect(module: $0.path, layer: $0.layer, projection: nil, rank: $0.rank, scale: $0.scale, norm: $0.norm()) }
    }
}

extension ExpertsTarget {
    /// The same with its elements, as long as the reader keeps them.
    func read(_ reader: ElementReader) throws(AdapterError) -> ExpertsTarget {
        ExpertsTarget(
            layer: layer, kind: kind, path: path, shortName: shortName, takesTurns: takesTurns, rank: rank, scale: scale, a: try reader.read(a), b: try reader.read(b))
    }
}
