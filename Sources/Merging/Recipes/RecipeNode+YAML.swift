internal import MergeMethods
internal import Yams

extension RecipeNode {
    static let limitBytes = 1 << 20
    /// Values inside values. mergekit's deepest place, a token's embedding in a model's object form, is at 7.
    static let mostLevels = 32
    /// After aliases are replaced by what they stand for.
    static let mostNodes = 100_000

    /// The YAML library hashes keys, and a key may be an alias of lists of aliases: n of them stand for at most 3^(n/3) times the text.
    static let mostAliases = 20
    static let limitBytesWithAliases = 1 << 16

    /// Nil for a text without content. Errors: `invalidRecipe`, `limitExceeded`.
    static func read(_ text: String, file: String) throws(MergeError) -> RecipeNode? {
        guard text.utf8.count <= limitBytes else {
            throw MergeError(.limitExceeded, "\(text.utf8.count) bytes; a recipe has at most \(limitBytes)", file: file)
        }
        let aliases = aliasCount(text)
        guard aliases <= mostAliases, aliases == 0 || text.utf8.count <= limitBytesWithAliases else {
            throw MergeError(
                .limitExceeded,
                "a recipe has at most \(mostAliases) aliases, and at most \(limitBytesWithAliases) bytes if it has any: "
                    + "write values out instead of `*alias`",
                file: file)
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw parseError(error, file: file)
        }
        guard let root else { return nil }
        var count = 0
        return try converted(root, level: 1, count: &count, file: file)
    }

    private static func converted(_ node: Node, level: Int, count: inout Int, file: String) throws(MergeError) -> RecipeNode {
        let line = node.mark?.line ?? 0
        let place = "\(file):\(line)"
        count += 1
        guard count <= mostNodes else { throw MergeError(.limitExceeded, "more than \(mostNodes) values", file: place) }
        guard level <= mostLevels else {
            throw MergeError(.limitExceeded, "values are nested more than \(mostLevels) levels deep", file: place)
        }
        var content: Content
        switch node {
        case .scalar(let scalar):
            content = .scalar(scalar.string, isPlain: scalar.style == .plain || scalar.style == .any)
        case .sequence(let sequence):
            var list: [RecipeNode] = []
            for item in sequence { list.append(try converted(item, level: level + 1, count: &count, file: file)) }
            content = .list(list)
        case .mapping(let mapping):
            var entries: [Entry] = []
            for (key, value) in mapping {
                let line = key.mark?.line ?? line
                guard let name = key.scalar?.string else {
                    throw MergeError(.invalidRecipe, "a key has to be a word", file: "\(file):\(line)")
                }
                entries.append(Entry(key: name, line: line, value: try converted(value, level: level + 1, count: &count, file: file)))
            }
            content = .mapping(try withMerged(entries, file: file))
        case .alias:
            throw MergeError(.invalidRecipe, "an alias without an anchor", file: place)
        }
        return RecipeNode(content: content, line: line, column: node.mark?.column ?? 0)
    }

    private static let blanks = Array(" \t\r\n".utf8)
    private static let openers = Array("[{,:".utf8)

    /// Everything that may be an alias, also in comments and quoted texts.
    private static func aliasCount(_ text: String) -> Int {
        var count = 0
        var previous = UInt8(ascii: "\n")
        var isOpen = false
        for byte in text.utf8 {
            if isOpen, byte != UInt8(ascii: "*"), !blanks.contains(byte) { count += 1 }
            isOpen = byte == UInt8(ascii: "*") && (blanks.contains(previous) || openers.contains(previous))
            previous = byte
        }
        return count
    }

    /// `<<` adds the keys of another mapping, or of several, that are not there (YAML 1.1, merge key).
    private static func withMerged(_ entries: [Entry], file: String) throws(MergeError) -> [Entry] {
        guard let merge = entries.first(where: { $0.key == "<<" }) else { return entries }
        var result = entries.filter { $0.key != "<<" }
        var names = Set(result.map(\.key))
        for node in merge.value.list ?? [merge.value] {
            guard let mapping = node.mapping else {
                throw MergeError(.invalidRecipe, "`<<` has to stand before a mapping or a list of mappings", file: "\(file):\(merge.line)")
            }
            for entry in mapping where names.insert(entry.key).inserted { result.append(entry) }
        }
        return result
    }

    private static func parseError(_ error: any Error, file: String) -> MergeError {
        switch error {
        case YamlError.composer(let context?, _, let mark, _) where context.text.contains("single document"):
            return MergeError(.invalidRecipe, "a second recipe begins here: write one recipe a file", file: "\(file):\(mark.line)")
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            return MergeError(.invalidRecipe, "not YAML: \(problem)", file: "\(file):\(mark.line)")
        case YamlError.duplicatedKeysInMapping(let keys, let context):
            let names = keys.map { "`\($0)`" }.joined(separator: ", ")
            return MergeError(.invalidRecipe, "\(names) is given twice in one mapping; the first is here", file: "\(file):\(context.mark.line)")
        default:
            return MergeError(.invalidRecipe, "not YAML: \(error)", file: file)
        }
    }
}
