import Generation
import JSON

/// A conversation as a template can show it: calls and results that it does not show become text, and functions that it does not show
/// are described to the model in the system's turn.
struct ToolTurns {
    private let features: TemplateFeatures
    private let tools: [ToolFunction]
    private let callsAreText: Bool
    private let resultsAreText: Bool

    init(_ features: TemplateFeatures, tools: [ToolFunction]) {
        self.features = features
        self.tools = tools
        let isGeneric = !tools.isEmpty && !features.hasTools
        callsAreText = isGeneric || !features.showsCalls
        resultsAreText = isGeneric || !features.showsResults || (!features.showsCalls && !features.hasTools)
    }

    /// Whether a conversation needs a look at the template's features.
    static func concern(_ messages: [ChatMessage], tools: [ToolFunction]) -> Bool {
        !tools.isEmpty || messages.contains { !$0.toolCalls.isEmpty || $0.role == "tool" }
    }

    func messages(_ messages: [ChatMessage]) -> [ChatMessage] {
        let named = Self.withNames(messages, areShort: features.format?.hasShortIdentities == true)
        let shown = withResultsAsText(named.map(withCallsAsText))
        return tools.isEmpty || features.hasTools ? shown : withInstructions(shown)
    }

    /// Results get the name of the function that they are of.
    private static func withNames(_ messages: [ChatMessage], areShort: Bool) -> [ChatMessage] {
        var names: [String: String] = [:]
        return messages.map { message in
            var message = message
            for index in message.toolCalls.indices {
                let call = message.toolCalls[index]
                if !call.id.isEmpty { names[call.id] = call.name }
                if areShort { message.toolCalls[index].id = CallIdentity.shortened(call.id) }
            }
            guard message.role == "tool", let id = message.toolCallID else { return message }
            message.name = message.name ?? names[id]
            if areShort { message.toolCallID = CallIdentity.shortened(id) }
            return message
        }
    }

    private func withCallsAsText(_ message: ChatMessage) -> ChatMessage {
        guard !message.toolCalls.isEmpty, callsAreText else { return message }
        var message = message
        let calls = message.toolCalls.map { call in
            let arguments = call.arguments.stringValue ?? call.arguments.serialized()
            return "<tool_call>\n{\"name\": \(JSONValue.string(call.name).serialized()), \"arguments\": \(arguments)}\n</tool_call>"
        }
        message.content = ([message.content].filter { !$0.isEmpty } + calls).joined(separator: "\n")
        message.toolCalls = []
        return message
    }

    /// Results become turns of the user. Those that follow each other, and the user's own turn after them, are one.
    private func withResultsAsText(_ messages: [ChatMessage]) -> [ChatMessage] {
        guard resultsAreText else { return messages }
        var shown: [ChatMessage] = []
        var followsResult = false
        for message in messages {
            let isResult = message.role == "tool"
            var turn = message
            if isResult { turn = ChatMessage(role: "user", content: "<tool_response>\n\(message.content)\n</tool_response>") }
            if followsResult, turn.role == "user" {
                shown[shown.count - 1].content += "\n\(turn.content)"
            } else {
                shown.append(turn)
            }
            followsResult = isResult
        }
        return shown
    }

    // MARK: The generic prompt

    private func withInstructions(_ messages: [ChatMessage]) -> [ChatMessage] {
        let text = Self.instructions(tools)
        var messages = messages
        let role = features.showsSystem ? "system" : "user"
        if let index = messages.firstIndex(where: { $0.role == role }), role == "user" || index == 0 {
            let before = messages[index].content
            messages[index].content = role == "user" ? "\(text)\n\n\(before)" : before.isEmpty ? text : "\(before)\n\n\(text)"
        } else {
            messages.insert(ChatMessage(role: role, content: text), at: 0)
        }
        return messages
    }

    /// What tells a model of functions whose template does not.
    static func instructions(_ tools: [ToolFunction]) -> String {
        let functions = tools.map { ($0.definition["function"] ?? $0.definition).serialized() }
        return """
            You can call functions. These are the functions, one on each line:
            <tools>
            \(functions.joined(separator: "\n"))
            </tools>

            If a function helps to answer, call it: write its name and its arguments as JSON between <tool_call> and </tool_call>, like this:
            <tool_call>
            {"name": "\(example.name)", "arguments": \(example.arguments)}
            </tool_call>
            The result comes in the next message. If no function helps, answer in plain text.
            """
    }

    private static let example = (name: "get_population", arguments: #"{"city": "Rome"}"#)
}
