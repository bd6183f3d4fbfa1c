internal import Files
internal import JSON

/// The special tokens that an adapter was trained with, as its own files name them. They replace the base model's: an answer ends
/// at any of the adapter's end tokens, too.
public struct AdapterTokens: Sendable, Hashable {
    /// `eos_token` of `tokenizer_config.json` or `special_tokens_map.json`: how the vocabulary spells it.
    public var endOfSequence: String?
    /// `bos_token` of the same files.
    public var beginOfSequence: String?
    /// `eos_token_id` of `generation_config.json`: ids that end an answer.
    public var endIDs: [Int] = []
    /// The names of the tokens that an enlarged vocabulary has beside the base's, by rising ids; the others of them have none.
    public var added: [AddedVocabularyToken] = []
    /// How many tokens it has beside the base's.
    public var addedCount = 0

    public init(endOfSequence: String? = nil, beginOfSequence: String? = nil, endIDs: [Int] = []) {
        self.endOfSequence = endOfSequence
        self.beginOfSequence = beginOfSequence
        self.endIDs = endIDs
    }

    public var isEmpty: Bool { self == AdapterTokens() }

    /// Errors: `malformed`, and those of reading.
    static func read(_ directory: AdapterDirectory, limits: AdapterLimits) throws(AdapterError) -> AdapterTokens {
        var tokens = AdapterTokens()
        // What the tokenizer itself is configured with goes first.
        for name in [AdapterFile.tokenizer, AdapterFile.specialTokens] {
            guard let document = try document(name, directory, limits) else { continue }
            let (end, begin) = (try token(document, "eos_token", file: name), try token(document, "bos_token", file: name))
            tokens.endOfSequence = tokens.endOfSequence ?? end
            tokens.beginOfSequence = tokens.beginOfSequence ?? begin
        }
        if let document = try document(AdapterFile.generation, directory, limits) {
            tokens.endIDs = try ids(document, "eos_token_id", file: AdapterFile.generation)
        }
        return tokens
    }

    private static func document(
        _ name: String, _ directory: AdapterDirectory, _ limits: AdapterLimits
    ) throws(AdapterError) -> JSONValue? {
        guard let file = try directory.open(name) else { return nil }
        return try JSONText.parse(try file.contents(limit: limits.templateBytes), file: name)
    }

    /// A text, or an object with the text as its `content`. Nil for null and for an empty one.
    private static func token(_ document: JSONValue, _ key: String, file: String) throws(AdapterError) -> String? {
        guard let value = document[key], !value.isNull else { return nil }
        guard let text = value.stringValue ?? value["content"]?.stringValue else {
            throw AdapterError(.malformed, "expected a token's text, found \(value.kindName)", file: file, key: key)
        }
        return text.isEmpty ? nil : text
    }

    /// A number, or a list of them.
    private static func ids(_ document: JSONValue, _ key: String, file: String) throws(AdapterError) -> [Int] {
        guard let value = document[key], !value.isNull else { return [] }
        var ids: [Int] = []
        for element in value.arrayValue ?? [value] {
            guard let id = element.intValue, id >= 0 else {
                throw AdapterError(.malformed, "expected a token's id or a list of them, found \(value.kindName)", file: file, key: key)
            }
            ids.append(id)
        }
        return ids
    }
}
