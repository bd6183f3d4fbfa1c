internal import JSON

/// Makes a `tokenizer.json` that has more tokens, or fewer, than the one it begins with.
struct VocabularyBuilder {
    private(set) var ids: [String: Int]
    private(set) var document: JSONValue
    private(set) var isChanged = false
    private var next: Int

    /// - Parameter table: of the document, cut to the rows that its model has: what has none is taken out.
    init(_ document: JSONValue, _ table: TokenTable) {
        self.document = document
        ids = table.ids
        next = table.rows
        takeOut(table)
    }

    /// All tokens of another tokenizer that are not there yet, by id. Plain pieces become added tokens, as nothing merges to them.
    mutating func add(_ table: TokenTable) {
        let added = Dictionary(table.added.compactMap { token in token["content"]?.stringValue.map { ($0, token) } }) { first, _ in first }
        for (token, _) in table.ordered where added[token] == nil { add(token) }
        for (token, _) in table.ordered {
            if let entry = added[token] { append(token, entry) }
        }
    }

    mutating func add(_ token: String) {
        append(
            token,
            [
                "content": .string(token), "single_word": false, "lstrip": false, "rstrip": false, "normalized": true, "special": false,
            ])
    }

    private mutating func append(_ token: String, _ entry: JSONValue) {
        guard ids[token] == nil, var root = document.objectValue, var members = entry.objectValue else { return }
        members["id"] = nil
        let own = JSONObject([("id", .integer(Int64(next)))] + members.map { ($0.key, $0.value) })
        root["added_tokens"] = .array((root["added_tokens"]?.arrayValue ?? []) + [.object(own)])
        document = .object(root)
        ids[token] = next
        next += 1
        isChanged = true
    }

    /// Removes tokens that the table no longer has, and the merges that lead to them.
    private mutating func takeOut(_ table: TokenTable) {
        guard var root = document.objectValue, var model = root["model"]?.objectValue, let vocabulary = model["vocab"]?.objectValue else { return }
        let gone = Set(vocabulary.filter { table.ids[$0.key] == nil }.map(\.key))
        let added = root["added_tokens"]?.arrayValue ?? []
        guard !gone.isEmpty || added.count != table.added.count else { return }
        model["vocab"] = .object(JSONObject(vocabulary.filter { !gone.contains($0.key) }.map { ($0.key, $0.value) }))
        if let merges = model["merges"]?.arrayValue {
            model["merges"] = .array(merges.filter { !Self.pieces($0).contains(where: gone.contains) })
        }
        root["model"] = .object(model)
        root["added_tokens"] = .array(table.added)
        document = .object(root)
        isChanged = true
    }

    /// Of a merge: a list of two, or both with a space between.
    private static func pieces(_ merge: JSONValue) -> [String] {
        merge.stringValue?.split(separator: " ").map(String.init) ?? merge.arrayValue?.compactMap(\.stringValue) ?? []
    }
}
