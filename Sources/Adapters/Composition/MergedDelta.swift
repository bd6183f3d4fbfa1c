internal import Generation
internal import Models
internal import Tensors

/// Merges several deltas into one, module by module. As in PEFT, an adapter that does not change a module is left out there.
struct MergedDelta {
    /// One adapter, its elements in f32.
    struct Source {
        var name: String
        var weight: Double
        var delta: AdapterDelta
        var isRetrieved: Bool
    }

    let sources: [Source]
    let merge: AdapterMerge
    let element: LowRank.Element
    /// Seed of the random choices.
    let seed: UInt64

    /// Errors: `unsupported` for what is not low-rank, and for ranks that a sparse strategy cannot merge; `noEffect`.
    func delta() throws(AdapterError) -> AdapterDelta {
        for source in sources where !source.delta.isLowRank || !source.delta.invocation.isEmpty || source.isRetrieved {
            throw AdapterError(
                .unsupported, "only plain LoRAs are merged, and this adapter does more: use it alone", adapter: source.name)
        }
        let layers = sources.first?.delta.layers ?? 0
        var patches: [(layer: Int, projection: Projection, patch: LinearPatch)] = []
        for layer in 0..<layers {
            for projection in Projection.allCases {
                let patch = try patch(layer, projection)
                if !patch.isEmpty { patches.append((layer, projection, patch)) }
            }
        }
        guard !patches.isEmpty else {
            throw AdapterError(.noEffect, "nothing is left of \(merge.label): the weights cancel it out or the density is too low")
        }
        return AdapterDelta(layers: layers, patches: patches)
    }

    private func patch(_ layer: Int, _ projection: Projection) throws(AdapterError) -> LinearPatch {
        var parts: [Part] = []
        var bias: [Float] = []
        for source in sources {
            guard let patch = source.delta[layer, projection] else { continue }
            if let own = patch.bias {
                if bias.isEmpty { bias = [Float](repeating: 0, count: own.count) }
                for index in bias.indices { bias[index] += Float(source.weight) * own.pointer[index] }
            }
            guard let lowRank = patch.lowRank else { continue }
            parts.append(Part(name: source.name, lowRank: lowRank, factor: source.weight * Double(lowRank.scale)))
        }
        var merged = LinearPatch()
        if bias.contains(where: { $0 != 0 }) { merged.bias = FloatBuffer(bias) }
        if let first = parts.first {
            let place = UInt64(layer * Projection.allCases.count + projection.rawValue)
            let pair = merge.strategy == .linear ? Pair.stacked(parts) : try sparse(parts, place)
            if pair.a.contains(where: { $0 != 0 }) && pair.b.contains(where: { $0 != 0 }) {
                merged.lowRank = try lowRank(pair, first.lowRank.inputs, first.lowRank.outputs)
            }
        }
        return merged
    }

    private func sparse(_ parts: [Part], _ place: UInt64) throws(AdapterError) -> Pair {
        let rank = parts[0].lowRank.rank
        if let other = parts.first(where: { $0.lowRank.rank != rank }) {
            throw AdapterError(
                .unsupported,
                "\(parts[0].name) has rank \(rank) and \(other.name) rank \(other.lowRank.rank): \(merge.strategy.rawValue) merges"
                    + " equal ranks only; `linear` takes any")
        }
        let merged = FactorMerge(strategy: merge.strategy, density: merge.density, majoritySign: merge.majoritySign, seed: seed)
            .mergePairs(parts.map { ($0.a, $0.b, $0.factor) }, place: place)
        return Pair(rank: rank, a: merged.a, b: merged.b)
    }

    private func lowRank(_ pair: Pair, _ inputs: Int, _ outputs: Int) throws(AdapterError) -> LowRank {
        do {
            return try LowRank(a: pair.a, transposedB: pair.b, rank: pair.rank, inputs: inputs, outputs: outputs, scale: 1, element: element)
        } catch {
            throw AdapterError(error.code == .noMemory ? .unavailable : .nonFinite, "\(merge.label): \(error.message)")
        }
    }

    /// The change that one adapter makes to one module.
    private struct Part {
        var name: String
        var lowRank: LowRank
        /// Its weight times its own factor.
        var factor: Double

        /// `[rank, inputs]`
        var a: [Float] { lowRank.factors.a }
        /// `[rank, outputs]`: element by element the order does not matter.
        var b: [Float] { lowRank.factors.transposedB }
    }

    /// Merged matrices, `[rank, inputs]` and `[rank, outputs]`.
    private struct Pair {
        var rank: Int
        var a: [Float]
        var b: [Float]

        /// One below the other: the sum of the products, exactly.
        static func stacked(_ parts: [Part]) -> Pair {
            Pair(
                rank: parts.reduce(0) { $0 + $1.lowRank.rank },
                a: parts.flatMap { part in part.a.map { $0 * Float(part.factor) } }, b: parts.flatMap(\.b))
        }
    }
}
