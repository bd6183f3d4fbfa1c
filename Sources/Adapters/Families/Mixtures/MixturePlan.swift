internal import Models
internal import Synchronization
internal import Tensors

/// Everything that a mixture changes.
struct MixturePlan: AdapterPlan {
    let configuration: MixtureConfiguration
    let manifest: AdapterManifest
    let base: BaseModules
    /// In the order of the model.
    let parts: [MixturePart]

    private var targets: [LoRATarget] { parts.flatMap(\.targets) }

    var summary: AdapterSummary {
        let projections = Set(targets.map(\.module.projection))
        var summary = AdapterSummary(
            family: configuration.kind.rawValue, ranks: targets.map(\.rank).extent, alpha: configuration.plain.alpha,
            scales: targets.map(\.scale).extent, targets: Projection.allCases.filter(projections.contains).map(\.shortName),
            patchCount: Set(targets.map(\.module.path)).count, parameters: parts.reduce(0) { $0 + $1.tensors.reduce(0) { $0 + $1.elementCount } },
            baseModelName: manifest.baseModelName)
        summary.experts = parts.filter { $0.router != nil }.map(\.pairs.count).extent
        if targets.contains(where: \.isDecomposed) {
            summary.notices.append("mixtures are saved without DoRA magnitudes: the norms of the base's rows are taken, as in training")
        }
        return summary
    }

    func byteCount(element: LowRank.Element) -> Int {
        parts.reduce(0) { $0 + $1.byteCount(element, biases: base.configuration.biases) }
    }

    func delta(element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> AdapterDelta? {
        let before = problems.count
        let footprints = parts.map { $0.footprint(element) }
        guard let memory = problems.memory(footprints.reduce(0, +)) else { return nil }
        // Memory is assigned first, so that matrices lie in the order of the model whichever thread fills them.
        let room = footprints.map(memory.part)
        let outcomes = Mutex([Result<MixturePart.Outcome, AdapterError>](repeating: .success(.init()), count: parts.count))
        elements.spread(
            parts.count, bytes: parts.reduce(0) { $0 + $1.workBytes }, room: parts.map(\.room).max() ?? 0
        ) { index, reader in
            let outcome = Result { () throws(AdapterError) in
                try parts[index].outcome(reader, element, room[index], weights: base.weights)
            }
            outcomes.withLock { $0[index] = outcome }
        }
        var patches: [PlacedPatch] = []
        var feedForward = [FeedForwardMixture?](repeating: nil, count: base.layers)
        for (part, outcome) in zip(parts, outcomes.withLock { $0 }) {
            guard let made = problems.noting({ () throws(AdapterError) in try outcome.get() }) else { continue }
            if let patch = made.patch, let module = part.module { patches.append((part.layer, module.projection, patch)) }
            if let mixture = made.feedForward { feedForward[part.layer] = mixture }
        }
        guard problems.count == before else { return nil }
        guard !patches.isEmpty || feedForward.contains(where: { $0 != nil }) else {
            problems.note(
                AdapterError(
                    .noEffect, "A or B is zero in all \(targets.count) low-rank pairs: the adapter would change nothing; was it saved before training?",
                    file: AdapterFile.weights, tensor: targets.first?.b.name))
            return nil
        }
        return AdapterDelta(layers: base.layers, patches: patches, feedForward: feedForward)
    }

    /// For a module with experts, the effect of the expert that changes it most.
    func effects() -> [AdapterEffect] {
        var effects: [AdapterEffect] = []
        for part in parts {
            for place in part.pairs[0].indices {
                let norms = part.pairs.compactMap { $0[place] }.map { ($0, norm($0)) }
                guard let (target, norm) = norms.max(by: { $0.1 < $1.1 }) else { continue }
                effects.append(
                    AdapterEffect(
                        module: target.module.path, layer: target.module.layer, projection: target.module.projection, rank: target.rank,
                        scale: target.scale, norm: norm))
            }
        }
        return effects
    }

    private func norm(_ target: LoRATarget) -> Double {
        if target.isDecomposed, let weights = base.weights {
            let decomposition = WeightDecomposition(target, weights: weights)
            return (try? decomposition.factors(nil)).map(decomposition.change) ?? 0
        }
        return abs(target.scale) * LowRankNorm.norm(a: target.a, b: target.b)
    }
}
