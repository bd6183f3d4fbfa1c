public import MergeMethods

/// All that a merge will do, from headers and small files alone: nothing of the weights is read.
public struct MergePlan: Sendable {
    public let recipe: MergeRecipe
    /// In the recipe's order.
    public let sources: [MergeSource]
    /// In the order in which they are written.
    public let tensors: [MergedTensor]
    /// Of each layer of the result, its number in the first source of its slice.
    let layerNumbers: [Int]
    /// The source that gives configuration and, unless the recipe says otherwise, tokenizer.
    public let donor: Int
    public let vocabulary: MergedVocabulary?
    public let warnings: [MergeWarning]

    /// - Parameters:
    ///   - recipe: what is to be done.
    ///   - open: finds and opens a model of the recipe.
    ///
    /// Errors: those of opening; `mismatch` with the tensor and the shapes; `invalidRecipe`.
    public init(
        _ recipe: MergeRecipe, open: (ModelReference) throws(MergeError) -> MergeSource
    ) throws(MergeError) {
        var sources: [MergeSource] = []
        for model in recipe.models { sources.append(try open(model)) }
        let builder = try MergePlanBuilder(recipe, sources)
        self.recipe = recipe
        self.sources = sources
        tensors = try builder.tensors()
        layerNumbers = builder.layerNumbers
        donor = builder.donor
        vocabulary = builder.vocabulary
        warnings = try recipe.warnings + builder.warnings(tensors)
        for tensor in tensors where tensor.work == .merge {
            do throws(MergeError) {
                try work(tensor, seed: 0).check()
            } catch {
                throw MergeError(error.code, error.message, file: error.file ?? recipe.file, tensor: tensor.name)
            }
        }
    }

    /// Of the result.
    public var layers: Int { layerNumbers.count }

    /// Of the result's tensors.
    public var byteCount: Int { tensors.reduce(0) { $0 + $1.byteCount } }

    /// The name's tensor; nil: the result has none.
    public func tensor(_ name: String) -> MergedTensor? { tensors.first { $0.name == name } }
}
