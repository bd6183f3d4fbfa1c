internal import Files
internal import JSON

/// The chat templates that an adapter was trained with; they replace the base model's.
public struct AdapterTemplates: Sendable, Hashable {
    /// For every conversation; nil: the base's. One of the two is there.
    public var standard: String?
    /// For conversations with tools; nil: the standard one.
    public var tools: String?
    /// The file that they are from, for messages.
    public var file: String

    public init(standard: String?, tools: String? = nil, file: String = "chat_template.jinja") {
        self.standard = standard
        self.tools = tools
        self.file = file
    }

    /// `chat_template.jinja`, else `chat_template` of `chat_template.json` or of `tokenizer_config.json`, which may be a text or named
    /// ones, of which `default` and `tool_use` count. A file `additional_chat_templates/tool_use.jinja` overrides the latter. Nil
    /// when there is none. Errors: `malformed`, and those of reading.
    static func read(_ directory: AdapterDirectory, limits: AdapterLimits) throws(AdapterError) -> AdapterTemplates? {
        let toolFile = "\(AdapterFile.namedTemplates)/tool_use.jinja"
        let tools = try text(toolFile, directory, limits)
        if let text = try text(AdapterFile.template, directory, limits) {
            return AdapterTemplates(standard: text, tools: tools)
        }
        for name in [AdapterFile.templateJSON, AdapterFile.tokenizer] {
            guard let file = try directory.open(name) else { continue }
            let document = try JSONText.parse(try file.contents(limit: limits.templateBytes), file: name)
            guard var templates = try AdapterTemplates(document["chat_template"], file: name) else { continue }
            if let tools { templates.tools = tools }
            return templates
        }
        return tools.map { AdapterTemplates(standard: nil, tools: $0, file: toolFile) }
    }

    private static func text(
        _ name: String, _ directory: AdapterDirectory, _ limits: AdapterLimits
    ) throws(AdapterError) -> String? {
        guard let file = try directory.open(name) else { return nil }
        let bytes = try file.contents(limit: limits.templateBytes)
        if let foreign = ForeignContent.pointer(bytes, expected: "a template", file: name) { throw foreign }
        guard let text = String(validating: ByteOrderMark.skipped(bytes), as: UTF8.self) else {
            throw AdapterError(.malformed, "not UTF-8 text", file: name)
        }
        return text
    }

    /// Nil without a template.
    private init?(_ value: JSONValue?, file: String) throws(AdapterError) {
        func malformed(_ found: JSONValue) -> AdapterError {
            AdapterError(.malformed, "expected a text or named texts, found \(found.kindName)", file: file, key: "chat_template")
        }
        var named: [String: String] = [:]
        switch value {
        case nil, .null: return nil
        case .string(let text): named["default"] = text
        case .object(let members):
            for (name, text) in members {
                guard let text = text.stringValue else { throw malformed(text) }
                named[name] = text
            }
        case .array(let entries):
            for entry in entries {
                guard let name = entry["name"]?.stringValue, let text = entry["template"]?.stringValue else { throw malformed(entry) }
                named[name] = text
            }
        case let other?: throw malformed(other)
        }
        guard !named.isEmpty else { return nil }
        guard named["default"] != nil || named["tool_use"] != nil else {
            throw AdapterError(
                .unsupported, "the templates are \(listed(named.keys.sorted())); expected one called default or tool_use", file: file,
                key: "chat_template")
        }
        self.init(
            standard: named["default"].map { ByteOrderMark.skipped($0) }, tools: named["tool_use"].map { ByteOrderMark.skipped($0) }, file: file)
    }
}
