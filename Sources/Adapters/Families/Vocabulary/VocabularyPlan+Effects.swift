internal import Models
internal import Tensors

extension VocabularyPlan {
    /// How much each module is changed; the elements are there. A copy of the base's own weights is not counted as a change.
    func effects() -> [AdapterEffect] {
        VocabularyModule.allCases.filter { !self[$0].tensors.isEmpty }.map { module in
            let pair = self[module].pair
            return AdapterEffect(
                module: module.path, layer: nil, projection: nil, rank: pair?.rank ?? 0, scale: pair?.scale ?? 1, norm: norm(module))
        }.filter { effect in effect.norm > 0 || modules.contains { $0.path == effect.module } }
    }

    private func norm(_ module: VocabularyModule) -> Double {
        let parts = self[module]
        var norm = 0.0
        if let table = parts.table {
            let difference = weights.map { VocabularyDifference(table, from: $0, module) }
            if difference?.isBase(asCopy: parts.isCopy) != true { norm += difference?.norm ?? Self.length(table) }
        }
        if let rows = parts.rows {
            norm += weights.map { VocabularyDifference(rows, of: parts.tokens, from: $0, module).norm } ?? Self.length(rows)
        }
        return norm + (parts.pair.map { self.norm($0, module) } ?? 0)
    }

    private func norm(_ pair: VocabularyPair, _ module: VocabularyModule) -> Double {
        if pair.isDecomposed, let weights {
            let decomposition = WeightDecomposition(pair, module, weights: weights, table: self[module].table)
            return (try? decomposition.factors(pair.magnitude)).map(decomposition.change) ?? 0
        }
        return abs(pair.scale) * (LowRankNorm.norm(a: pair.a, b: pair.b) + (pair.bias.map(Self.length) ?? 0))
    }

    private static func length(_ view: TensorView) -> Double {
        view.floats().reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }
}
