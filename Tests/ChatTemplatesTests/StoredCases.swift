import Foundation
import JSON

/// What jinja2 made of templates, stored by `scripts/fixtures/chat_templates.py`.
struct StoredCases {
    let document: JSONObject
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")

    init() throws {
        let data = try Data(contentsOf: Self.folder.appendingPathComponent("cases.json"))
        document = try JSONCursor(JSONValue.parse(Array(data))).object()
    }

    func template(_ name: String) throws -> String {
        try String(contentsOf: Self.folder.appendingPathComponent("templates/\(name)"), encoding: .utf8)
    }

    /// Messages, special tokens and options as one context.
    func context(conversation: String, options: JSONObject) throws -> JSONObject {
        let root = JSONCursor(.object(document))
        var context = try root["special"].object()
        context["messages"] = root["conversations"][conversation].value
        for option in options { context[option.key] = option.value }
        return context
    }
}
