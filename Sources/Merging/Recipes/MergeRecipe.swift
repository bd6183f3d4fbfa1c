internal import Files
public import MergeMethods
public import Tensors

/// What to merge, and how: mergekit's YAML (0.1.5).
///
/// All that can be wrong with a recipe by itself is found here, before a model is opened. Errors: `invalidRecipe` with the file and
/// the line, `limitExceeded`.
public struct MergeRecipe: Sendable {
    /// As it was written, for the copy beside the result.
    public let text: String
    /// For messages.
    public let file: String
    public let method: MergeMethod
    /// Of the whole recipe; a slice may have its own.
    public let baseModel: ModelReference?
    /// What sources are rounded to before any arithmetic. Nil: nothing is rounded.
    public let dtype: DType?
    /// What the result is stored as. Nil: `dtype`, or else as the sources.
    public let outDtype: DType?
    /// Nil: the vocabulary of `baseModel`, or else of the first model, as it is.
    public let tokenizer: RecipeTokenizer?
    /// `auto`, the name of a known template, or Jinja text.
    public let chatTemplate: String?
    /// All models that are referenced, each once, in the order in which the file mentions them.
    public let models: [ModelReference]
    /// By line.
    public let warnings: [MergeWarning]

    let parts: [RecipePart]
    /// Those of the module and those of the whole recipe, the nearer ones first.
    let outerSettings: [RecipeSettings]

    public init(text: String, file: String) throws(MergeError) {
        guard let root = try RecipeNode.read(text, file: file), !root.isNull else {
            throw MergeError(.invalidRecipe, "the recipe is empty", file: file)
        }
        var parser = try RecipeParser(root, file: file)
        let fields = try parser.parse()
        self.text = text
        self.file = file
        method = parser.method
        baseModel = fields.base?.model
        dtype = fields.dtype
        outDtype = fields.outDtype
        tokenizer = fields.tokenizer
        chatTemplate = fields.chatTemplate
        models = parser.models
        parts = fields.parts
        outerSettings = [fields.moduleSettings, fields.settings]
        try RecipeChecks(file: file, method: method, parts: parts, outerSettings: outerSettings).run()
        let found = parser.warnings + RecipeTraps(fields, method: method, models: models).warnings
        warnings = found.enumerated().sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }.map(\.element)
    }

    /// Errors: those of `init`; `notFound` and others when the file cannot be read.
    public static func read(_ path: String) throws(MergeError) -> MergeRecipe {
        let text: String
        do {
            text = try RegularFile.text(path, limitBytes: RecipeNode.limitBytes)
        } catch {
            let code: MergeError.Code =
                switch error.code {
                case .limitExceeded: .limitExceeded
                case .notText: .malformed
                case .changed: .changed
                default: .notFound
                }
            throw MergeError(code, error.message, file: path)
        }
        return try MergeRecipe(text: text, file: path)
    }
}
