/// A value of a recipe's YAML, with its place.
struct RecipeNode: Sendable, Equatable {
    enum Content: Sendable, Equatable {
        /// `isPlain`: written without quotes, so that it may be a number, a flag or nothing.
        case scalar(String, isPlain: Bool)
        case list([RecipeNode])
        case mapping([Entry])
    }

    struct Entry: Sendable, Equatable {
        var key: String
        var line: Int
        var value: RecipeNode
    }

    var content: Content
    /// From 1. An alias has the place of its anchor.
    var line: Int
    var column: Int

    var isNull: Bool {
        if case .scalar(let text, isPlain: true) = content { RecipeScalar(plain: text) == .null } else { false }
    }

    /// The text of a scalar, as it is written. Nil for other values.
    var text: String? {
        if case .scalar(let text, _) = content, !isNull { text } else { nil }
    }

    var scalar: RecipeScalar? {
        guard case .scalar(let text, let isPlain) = content else { return nil }
        return isPlain ? RecipeScalar(plain: text) : .text(text)
    }

    var list: [RecipeNode]? {
        if case .list(let nodes) = content { nodes } else { nil }
    }

    var mapping: [Entry]? {
        if case .mapping(let entries) = content { entries } else { nil }
    }
}
