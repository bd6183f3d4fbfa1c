internal import JSON

/// The chat template that an adapter was trained with, where it brings one.
enum OwnTemplate {
    /// `chat_template.jinja`, else `chat_template` of `tokenizer_config.json`, which may be a text or a list of named ones,
    /// of which `default` counts. Nil when there is none.
    static func read(_ directory: AdapterDirectory, limits: AdapterLimits) throws(AdapterError) -> String? {
        if let file = try directory.open(AdapterFile.template) {
            let bytes = try file.contents(limit: limits.templateBytes)
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw AdapterError(.malformed, "not UTF-8 text", file: file.name)
            }
            return text
        }
        guard let file = try directory.open(AdapterFile.tokenizer) else { return nil }
        let document = try JSONText.parse(try file.contents(limit: limits.templateBytes), file: file.name)
        switch document["chat_template"] {
        case nil, .null: return nil
        case .string(let text): return text
        case .array(let entries): return entries.first { $0["name"]?.stringValue == "default" }?["template"]?.stringValue
        case let other?:
            throw AdapterError(
                .malformed, "expected a string, found \(other.kindName)", file: file.name, key: "chat_template")
        }
    }
}

/// JSON files of an adapter's folder.
enum JSONText {
    /// Errors: `notReady` when the text ends too early, as one does that is still being copied, `malformed` otherwise.
    static func parse(_ bytes: [UInt8], file: String) throws(AdapterError) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue.parse(bytes, maxDepth: 32)
        } catch {
            let ended = error.code == .syntax && (error.position?.offset ?? 0) + 1 >= bytes.count
            throw AdapterError(ended ? .notReady : .malformed, "not valid JSON: \(error)", file: file)
        }
    }
}
