import Generation
import JSON

/// What a chat prompt says about the schema of its answer. The mask enforces the schema and teaches nothing: a model that does not
/// know which members are asked for fills them at random.
///
/// Nothing is said where the messages show the schema already, with any white space, or where it is longer than `mostBytes`.
struct FormatInstruction {
    private let messages: [ChatMessage]
    private let tools: [ToolFunction]
    private let text: String

    /// nil: nothing is to be said.
    init?(_ request: GenerationRequest, mostBytes: Int) {
        guard case .chat(let messages, let tools) = request.prompt, case .jsonSchema(let schema)? = request.format?.kind else { return nil }
        let compact = schema.schema.serialized()
        guard compact.utf8.count <= mostBytes, !Self.isShown(compact, in: messages) else { return nil }
        (self.messages, self.tools) = (messages, tools)
        let about = schema.description.map { " (\($0))" } ?? ""
        text = "Answer only with JSON\(about) that satisfies this schema: \(compact)"
    }

    private static func isShown(_ schema: String, in messages: [ChatMessage]) -> Bool {
        func dense(_ text: String) -> [UInt8] { text.utf8.filter { $0 > 0x20 } }
        let wanted = dense(schema)
        return messages.contains { message in
            guard message.content.utf8.count >= wanted.count else { return false }
            return dense(message.content).firstRange(of: wanted) != nil
        }
    }

    /// There is no system message that the text could be added to.
    var addsSystemMessage: Bool { systemIndex == nil }

    private var systemIndex: Int? {
        guard let first = messages.first, ["system", "developer"].contains(first.role) else { return nil }
        return 0
    }

    var inSystemMessage: GenerationRequest.Prompt {
        guard let index = systemIndex else { return .chat([ChatMessage(role: "system", content: text)] + messages, tools: tools) }
        return prompt(adding: text, to: index, isBefore: false)
    }

    /// For templates that have no system message.
    var inUserMessage: GenerationRequest.Prompt {
        guard let index = messages.firstIndex(where: { $0.role == "user" }) else { return .chat(messages, tools: tools) }
        return prompt(adding: text, to: index, isBefore: true)
    }

    private func prompt(adding text: String, to index: Int, isBefore: Bool) -> GenerationRequest.Prompt {
        var messages = messages
        let content = messages[index].content
        messages[index].content = isBefore ? "\(text)\n\n\(content)" : "\(content)\n\n\(text)"
        return .chat(messages, tools: tools)
    }
}
