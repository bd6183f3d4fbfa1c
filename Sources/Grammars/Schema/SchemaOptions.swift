/// How a schema is read, where JSON Schema leaves more open than an answer of a language model should be.
public struct SchemaOptions: Sendable, Equatable {
    /// A keyword that cannot be enforced is an error; otherwise it is ignored and noted.
    public var isStrict = false
    /// No white space between JSON tokens. Otherwise one space, or a line break and up to 8 blanks, may stand behind `{`, `[`, `,` and
    /// `:` and before `}` and `]`.
    public var isCompact = false
    /// A regular expression that takes the place of that white space.
    public var whitespacePattern: String?
    /// Objects may have members that the schema does not declare, where it does not say: JSON Schema's default.
    public var allowsUndeclaredMembers = false
    /// In which order members may come.
    public var order = MemberOrder.declared
    /// A schema without `type` means the types that its keywords speak of. JSON Schema's own rule is that those keywords do not concern
    /// other types, so that `{"minLength": 3}` allows any number.
    public var infersTypes = true

    public init() {}

    /// As the specification reads schemas.
    public static var specification: SchemaOptions {
        var options = SchemaOptions()
        (options.allowsUndeclaredMembers, options.order, options.infersTypes) = (true, .any, false)
        return options
    }
}

struct AnyValueKey: Hashable {
    var pattern: String?
    var order: Int
}
