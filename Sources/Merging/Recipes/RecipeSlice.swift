public import MergeMethods

/// Layers of the result that are next to each other and have the same sources.
public struct RecipeSlice: Sendable {
    public struct Source: Sendable {
        public var model: ModelReference
        /// Layers of that model, as many as the slice has.
        public var layers: Range<Int>
        let settings: RecipeSettings
        let line: Int
    }

    /// In the recipe's order; a base that is not listed comes last.
    public let sources: [Source]
    /// Which of `sources` is the base. Nil for methods without one, also when the recipe names a base.
    public let base: Int?
    public let layerCount: Int
    let settings: RecipeSettings

    /// Where a layer, counted from 0 in this slice, is in gradients. Tensors outside layers are at 0: embeddings with the values of
    /// the first slice, the last norm and the head with those of the last one.
    public func t(layer: Int) -> Double {
        layerCount > 1 ? Double(layer) / Double(layerCount - 1) : 1
    }
}

extension MergeRecipe {
    /// The slices of the result, in its order of layers.
    ///
    /// - Parameter layers: How many layers a model has. It is asked once a model.
    /// Errors: those of `layers`; `invalidRecipe` when a range is not in its model, `mismatch` when models differ in their layers.
    public func slices(layers: (ModelReference) throws(MergeError) -> Int) throws(MergeError) -> [RecipeSlice] {
        var counts: [ModelReference: Int] = [:]
        var slices: [RecipeSlice] = []
        for part in parts {
            var sources: [RecipeSlice.Source] = []
            for source in part.sources {
                let count: Int
                if let known = counts[source.model] { count = known } else { count = try layers(source.model) }
                counts[source.model] = count
                let range = source.layers ?? 0..<count
                guard range.upperBound <= count else {
                    throw MergeError(
                        .invalidRecipe,
                        "`layer_range: [\(range.lowerBound), \(range.upperBound)]` ends behind the last layer: \(source.model) has \(count)",
                        file: "\(file):\(source.line)")
                }
                if let first = sources.first, first.layers.count != range.count {
                    throw MergeError(
                        source.layers == nil ? .mismatch : .invalidRecipe,
                        "\(source.model) gives \(range.count) layers and \(first.model) \(first.layers.count): "
                            + "all sources of a slice have to give the same number",
                        file: "\(file):\(source.line)")
                }
                sources.append(.init(model: source.model, layers: range, settings: source.settings, line: source.line))
            }
            slices.append(
                RecipeSlice(
                    sources: sources, base: part.baseIndex(method), layerCount: sources.first?.layers.count ?? 0, settings: part.settings))
        }
        return slices
    }
}
