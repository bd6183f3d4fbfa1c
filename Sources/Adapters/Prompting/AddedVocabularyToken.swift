internal import JSON

/// A token that an adapter's tokenizer has beside the base's.
public struct AddedVocabularyToken: Sendable, Hashable {
    public var id: Int32
    public var content: String
    public var isSpecial: Bool
    public var isSingleWord: Bool
    public var stripsLeft: Bool
    public var stripsRight: Bool
}

extension AdapterTokens {
    /// `tokenizer.json` has the whole vocabulary: 17 MB for Llama 3's.
    private static let tokenizerBytes = 64 << 20
    private static let contentBytes = 1 << 10

    /// The tokens from `first` on, `count` of them: of `tokenizer.json` (`added_tokens`), else of `tokenizer_config.json`
    /// (`added_tokens_decoder`), else of `added_tokens.json`. Errors: `malformed`, `limitExceeded`, and those of reading.
    mutating func readAdded(_ directory: AdapterDirectory, from first: Int, count: Int, limits: AdapterLimits) throws(AdapterError) {
        addedCount = count
        let ids = first..<first + count
        for (name, limit) in [
            (AdapterFile.vocabulary, Self.tokenizerBytes), (AdapterFile.tokenizer, limits.templateBytes), (AdapterFile.addedTokens, limits.templateBytes),
        ] {
            guard let file = try directory.open(name) else { continue }
            let found = try Self.added(try JSONText.parse(try file.contents(limit: limit), file: name), ids, file: name)
            if found.isEmpty { continue }
            added = found.sorted { $0.id < $1.id }
            for (one, other) in zip(added, added.dropFirst()) where one.id == other.id {
                throw AdapterError(.malformed, "token \(one.id) is named twice", file: name)
            }
            return
        }
    }

    private static func added(_ document: JSONValue, _ ids: Range<Int>, file: String) throws(AdapterError) -> [AddedVocabularyToken] {
        var tokens: [AddedVocabularyToken] = []
        func add(_ id: Int?, _ content: String?, _ options: JSONValue) throws(AdapterError) {
            guard let id, ids.contains(id) else { return }
            guard let content, !content.isEmpty, content.utf8.count <= contentBytes else {
                throw AdapterError(.malformed, "token \(id) has no content of 1 to \(contentBytes) bytes", file: file)
            }
            func flag(_ key: String) -> Bool { options[key]?.boolValue ?? false }
            tokens.append(
                AddedVocabularyToken(
                    id: Int32(id), content: content, isSpecial: flag("special"), isSingleWord: flag("single_word"), stripsLeft: flag("lstrip"),
                    stripsRight: flag("rstrip")))
        }
        switch file {
        case AdapterFile.vocabulary:
            for entry in document["added_tokens"]?.arrayValue ?? [] { try add(entry["id"]?.intValue, entry["content"]?.stringValue, entry) }
        case AdapterFile.tokenizer:
            for (id, entry) in document["added_tokens_decoder"]?.objectValue ?? [:] { try add(Int(id), entry["content"]?.stringValue, entry) }
        default:
            for (content, id) in document.objectValue ?? [:] { try add(id.intValue, content, .null) }
        }
        return tokens
    }
}
