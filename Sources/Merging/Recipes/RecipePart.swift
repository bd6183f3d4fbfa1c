internal import MergeMethods
internal import Tensors

/// A slice of the result as the recipe has it, before the models' layers are known.
struct RecipePart: Sendable {
    struct Source: Sendable {
        var model: ModelReference
        /// Nil: all layers.
        var layers: Range<Int>?
        var settings: RecipeSettings = [:]
        var line: Int
        /// Names and lines of parameters, also of those that the method does not know.
        var parameterLines: [String: Int] = [:]
    }

    /// The slice's own, or else the recipe's.
    var base: ModelReference?
    var sources: [Source]
    var settings: RecipeSettings = [:]
    var line: Int

    /// Where the base is in `sources`. Nil also for methods without a base.
    func baseIndex(_ method: MergeMethod) -> Int? {
        guard method.base != .ignored, let base else { return nil }
        return sources.firstIndex { $0.model == base }
    }
}

/// A recipe's values, read and not yet checked against each other.
struct RecipeFields {
    struct Base {
        var model: ModelReference
        var line: Int
    }

    var base: Base?
    var parts: [RecipePart] = []
    var moduleSettings: RecipeSettings = [:]
    var settings: RecipeSettings = [:]
    var dtype: DType?
    var dtypeLine = 0
    var outDtype: DType?
    var tokenizer: RecipeTokenizer?
    var chatTemplate: String?
}
