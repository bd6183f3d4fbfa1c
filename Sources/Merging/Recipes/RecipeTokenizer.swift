/// Whose vocabulary the result has, and where the rows of single tokens come from.
public struct RecipeTokenizer: Sendable, Equatable {
    public enum Source: Sendable, Equatable {
        /// All tokens of all models.
        case union
        case base
        case model(ModelReference)
    }

    /// A token whose embedding has a source of its own.
    public struct Token: Sendable, Equatable {
        public var name: String
        /// Nil: as for all other tokens.
        public var source: Embedding?
        /// Also where the models that have the token have an embedding for it.
        public var isForced: Bool
        /// In the recipe's file.
        public var line: Int

        public init(name: String, source: Embedding? = nil, isForced: Bool = false, line: Int = 0) {
            self.name = name
            self.source = source
            self.isForced = isForced
            self.line = line
        }
    }

    public enum Embedding: Sendable, Equatable {
        /// The row that this model has for the same token.
        case model(ModelReference)
        /// The row of another token.
        case token(String, of: ModelReference)
        /// The row at this index.
        case row(Int, of: ModelReference)
        case zero
    }

    public var source: Source
    public var tokens: [Token]
    /// The rows of the result's embeddings are a multiple of it.
    public var padToMultipleOf: Int?
    /// In the recipe's file.
    public var line: Int

    public init(source: Source, tokens: [Token] = [], padToMultipleOf: Int? = nil, line: Int = 0) {
        self.source = source
        self.tokens = tokens
        self.padToMultipleOf = padToMultipleOf
        self.line = line
    }
}
