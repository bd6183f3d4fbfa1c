public import JSON

/// The form that an answer must have: tokens that would break it are never drawn.
public struct AnswerFormat: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        /// Any JSON object.
        case jsonObject
        case jsonSchema(AnswerSchema)
        /// The whole answer matches.
        case regularExpression(String)
        /// One of these texts.
        case choice([String])
        /// llama.cpp's GBNF, whose rule `root` is the answer.
        case grammar(String)
    }

    public var kind: Kind
    /// Where the client put it, for errors, like `response_format.json_schema.schema`.
    public var field: String

    public init(_ kind: Kind, field: String) {
        self.kind = kind
        self.field = field
    }
}

/// A JSON Schema that an answer must satisfy.
public struct AnswerSchema: Sendable, Equatable {
    public var schema: JSONValue
    /// OpenAI's name of the schema.
    public var name: String?
    public var description: String?
    /// A keyword that cannot be enforced is an error; otherwise it is ignored.
    public var isStrict: Bool
    /// No white space between JSON tokens.
    public var isCompact: Bool
    /// A regular expression for the white space between JSON tokens; nil is the standard one.
    public var whitespacePattern: String?
    /// Objects may have members that the schema does not declare, where it does not say: JSON Schema's default. Servers of language
    /// models take the opposite, since a small model would never end such an object.
    public var allowsUndeclaredMembers: Bool

    public init(
        _ schema: JSONValue, name: String? = nil, description: String? = nil, isStrict: Bool = false, isCompact: Bool = false,
        allowsUndeclaredMembers: Bool = false
    ) {
        self.schema = schema
        self.name = name
        self.description = description
        self.isStrict = isStrict
        self.isCompact = isCompact
        self.allowsUndeclaredMembers = allowsUndeclaredMembers
    }
}
