internal import Tensors

extension AdapterDelta {
    /// Whether it only adds low-rank products and biases to linear maps.
    package var isLowRank: Bool { parts.allSatisfy(\.isLowRank) }

    /// Elements of all matrices of low-rank updates, as if none were shared.
    package var lowRankElements: Int {
        linear.patches.values.reduce(0) { sum, patch in sum + (patch?.lowRank.map { $0.rank * ($0.inputs + $0.outputs) } ?? 0) }
    }

    /// The delta with every product and bias times `factor`; the matrices are shared. Nil unless it is low-rank.
    package func scaled(by factor: Float) -> AdapterDelta? {
        guard isLowRank else { return nil }
        var patches: [(layer: Int, projection: Projection, patch: LinearPatch)] = []
        for layer in 0..<layers {
            for projection in Projection.allCases {
                guard let patch = self[layer, projection] else { continue }
                let bias = patch.bias.map { bias in FloatBuffer((0..<bias.count).map { bias.pointer[$0] * factor }) }
                patches.append(
                    (layer, projection, LinearPatch(lowRank: patch.lowRank?.scaled(by: factor), bias: bias)))
            }
        }
        return AdapterDelta(layers: layers, patches: patches, invocation: invocation)
    }
}
