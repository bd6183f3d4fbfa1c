/// A number or a flag of a merge method, by its name in recipes.
public struct MergeParameter: Sendable, Equatable {
    /// Who has a value of its own.
    public enum Scope: Sendable {
        /// One value for all sources.
        case shared
        /// Each source, the base as well.
        case source
        /// Each source but the base.
        case change
    }

    public enum Kind: Sendable { case number, flag, count }

    public var name: String
    public var scope: Scope
    public var kind: Kind
    /// A flag's is 0 or 1; nil where a recipe has to give a value, unless `isOptional`.
    public var standard: Double?
    /// May be absent, which is a meaning of its own: `passthrough` without `scale` copies.
    public var isOptional: Bool

    init(_ name: String, _ scope: Scope, _ kind: Kind = .number, standard: Double? = nil, isOptional: Bool = false) {
        self.name = name
        self.scope = scope
        self.kind = kind
        self.standard = standard
        self.isOptional = isOptional
    }
}

/// Values by name: numbers, and flags as 0 and 1.
public struct MergeValues: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    public private(set) var entries: [String: Double] = [:]

    public init() {}

    public init(dictionaryLiteral elements: (String, Double)...) {
        for (name, value) in elements { entries[name] = value }
    }

    public subscript(name: String) -> Double? {
        get { entries[name] }
        set { entries[name] = newValue }
    }
}
