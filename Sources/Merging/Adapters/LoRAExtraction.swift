internal import Adapters
public import MergeMethods
public import Models
internal import Tensors

/// The LoRA that turns one model into another, as near as its rank allows: `lmoe extract`.
///
/// Of each linear map the difference is decomposed, one at a time: the files are read row by row, and no model is in memory. Norms,
/// embedding and head that differ become modules of the adapter's own.
public struct LoRAExtraction: Sendable {
    public var size: LoRASize
    /// Of random vectors.
    public var seed: UInt64
    /// Embedding and head that differ are left out, and named as lost.
    public var leavesVocabulary: Bool

    public init(size: LoRASize, seed: UInt64 = 0, leavesVocabulary: Bool = false) {
        (self.size, self.seed, self.leavesVocabulary) = (size, seed, leavesVocabulary)
    }

    /// - Parameter progress: told how many of the linear maps are done. Errors: `mismatch` for models of different shapes, `nonFinite`,
    ///   `changed`; `invalidRecipe` for models that do not differ. Memory: three times the largest linear map in f64.
    public func result(
        from base: ModelFiles, to tuned: ModelFiles, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(MergeError) -> MergedLoRA {
        if case .energy(let share) = size, !(share > 0 && share <= 1) {
            throw MergeError(.invalidRecipe, "the energy is \(share); expected 0 < energy <= 1")
        }
        if case .rank(let rank) = size, !(1...AdapterLimits().rank).contains(rank) {
            throw MergeError(.invalidRecipe, "the rank is \(rank); expected 1 to \(AdapterLimits().rank)")
        }
        let models = try ModelPair(base, tuned)
        var merged = MergedLoRA(baseName: base.name)
        let configuration = base.configuration
        let places = (0..<configuration.layers).flatMap { layer in
            Projection.allCases.compactMap { configuration.has($0) ? (layer, $0) : nil }
        }
        for (done, (layer, projection)) in places.enumerated() {
            try extract(layer, projection, models, &merged)
            progress(done + 1, places.count)
        }
        try models.addNorms(to: &merged)
        try models.addVocabulary(to: &merged, isLeftOut: leavesVocabulary)
        try models.checkExperts(&merged)
        guard !merged.modules.isEmpty else {
            throw MergeError(
                .invalidRecipe,
                merged.saved.isEmpty ? "the models do not differ where a LoRA acts: there is nothing to extract"
                    : "the models differ in \(merged.saved.map(\.path).joined(separator: ", ")) only: no LoRA says that", file: tuned.path)
        }
        return merged
    }

    private func extract(_ layer: Int, _ projection: Projection, _ models: ModelPair, _ merged: inout MergedLoRA) throws(MergeError) {
        let path = "model.layers.\(layer).\(projection.checkpointName)"
        let (outputs, inputs) = projection.shape(in: models.configuration)
        let difference = try models.difference(layer, projection, path)
        let bias = try models.biasDifference(layer, projection, path)
        guard difference.contains(where: { $0 != 0 }) else {
            // A pair that adds nothing carries the bias.
            guard let bias else { return }
            let pair = LowRankPair(
                rank: 1, inputs: inputs, outputs: outputs, a: [Float](repeating: 0, count: inputs), b: [Float](repeating: 0, count: outputs))
            return merged.modules.append(.init(path: path, norm: 0, error: 0, pair: pair, bias: bias))
        }
        let place = UInt64(layer * Projection.allCases.count + projection.rawValue)
        let fitted = try DenseFit(size: size, seed: seed &+ place).fit(difference, outputs: outputs, inputs: inputs, module: path)
        merged.modules.append(.init(path: path, norm: fitted.norm, error: fitted.error, pair: fitted.pair, bias: bias))
    }
}
