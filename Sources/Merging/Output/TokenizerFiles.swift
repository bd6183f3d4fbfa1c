internal import JSON
internal import MergeMethods

/// The small files of a merged model that say how texts become tokens and answers end: those of one source, changed where the recipe says.
struct TokenizerFiles {
    /// Contents by name.
    private(set) var files: [String: [UInt8]] = [:]

    /// What is copied of the source, where it has it.
    static let names = [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.model", "added_tokens.json", "merges.txt",
        "vocab.json", "chat_template.jinja", "generation_config.json",
    ]
    /// They repeat a vocabulary that was changed in `tokenizer.json`.
    private static let outdated = ["tokenizer.model", "added_tokens.json", "merges.txt", "vocab.json"]

    /// - Parameters:
    ///   - donor: gives the files.
    ///   - vocabulary: the changed `tokenizer.json`; nil: the donor's own.
    ///   - chatTemplate: what the recipe says of it.
    ///   - sources: among whose templates `auto` chooses.
    init(donor: MergeSource, vocabulary: JSONValue?, chatTemplate: String?, sources: [MergeSource]) throws(MergeError) {
        for name in Self.names {
            if let bytes = try donor.smallFile(name) { files[name] = bytes }
        }
        if let vocabulary {
            for name in Self.outdated { files[name] = nil }
            files["tokenizer.json"] = vocabulary.serializedBytes()
        }
        guard let chatTemplate, let text = try Self.template(chatTemplate, sources) else { return }
        files["chat_template.jinja"] = Array(text.utf8)
        if var settings = try donor.smallDocument("tokenizer_config.json")?.objectValue {
            settings["chat_template"] = nil
            files["tokenizer_config.json"] = JSONValue.object(settings).serializedBytes(pretty: true)
        }
    }

    /// The Jinja text; nil: no source has a template that `auto` could take.
    private static func template(_ setting: String, _ sources: [MergeSource]) throws(MergeError) -> String? {
        if setting == "auto" {
            var counts: [(text: String, count: Int)] = []
            for source in sources {
                guard let text = try source.chatTemplate()?.trimmed, !text.isEmpty else { continue }
                if let index = counts.firstIndex(where: { $0.text == text }) { counts[index].count += 1 } else { counts.append((text, 1)) }
            }
            // The first of the most frequent.
            return counts.reduce(nil) { (best: (text: String, count: Int)?, next) in next.count > best?.count ?? 0 ? next : best }?.text
        }
        if let named = NamedChatTemplate(rawValue: setting) { return named.text }
        guard setting.contains("{") else {
            let known = NamedChatTemplate.allCases.map(\.rawValue).joined(separator: ", ")
            throw MergeError(
                .invalidRecipe, "no chat template is called \(setting.debugDescription): expected auto, \(known), or a template in Jinja")
        }
        return setting
    }
}

extension String {
    /// Without white space at both ends.
    fileprivate var trimmed: String {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(self[first...last])
    }
}

extension MergeSource {
    /// `chat_template.jinja`, or `chat_template` of `tokenizer_config.json`, of several the one called `default`; nil: there is none.
    func chatTemplate() throws(MergeError) -> String? {
        if let bytes = try smallFile("chat_template.jinja") { return String(decoding: bytes, as: UTF8.self) }
        let template = try smallDocument("tokenizer_config.json")?["chat_template"]
        return template?.stringValue ?? template?.arrayValue?.first { $0["name"]?.stringValue == "default" }?["template"]?.stringValue
    }
}
