import Generation
import JSON

/// Reads lists of messages: OpenAI's (`role`, `content`) and ShareGPT's (`from`, `value`).
struct TurnReader {
    var limits: DataSetLimits

    private static let roles = [
        ConversationTurn.system, ConversationTurn.developer, ConversationTurn.user, ConversationTurn.assistant, ConversationTurn.tool,
    ]

    /// Who speaks in ShareGPT's files.
    private static let speakers = [
        "human": ConversationTurn.user, "user": ConversationTurn.user, "gpt": ConversationTurn.assistant,
        "assistant": ConversationTurn.assistant, "model": ConversationTurn.assistant, "system": ConversationTurn.system,
        "tool": ConversationTurn.tool, "observation": ConversationTurn.tool,
    ]

    func messages(_ field: JSONCursor) throws(JSONError) -> [ConversationTurn] {
        var turns: [ConversationTurn] = []
        for element in try elements(field) { turns.append(try message(element)) }
        return turns
    }

    func conversations(_ field: JSONCursor) throws(JSONError) -> [ConversationTurn] {
        var turns: [ConversationTurn] = []
        for element in try elements(field) {
            let from = element["from"]
            let speaker = try from.name()
            guard let role = Self.speakers[speaker] else {
                throw from.invalid("expected one of \(Self.speakers.keys.sorted().joined(separator: ", ")), found `\(speaker)`")
            }
            turns.append(ConversationTurn(role: role, try element["value"].string()))
        }
        return turns
    }

    /// A list; of a string, the list that its JSON text holds, as in CSV files.
    func list(_ field: JSONCursor) throws(JSONError) -> JSONCursor {
        guard case .string(let text)? = field.value else { return field }
        if text.isBlank { return JSONCursor(.null, path: field.path) }
        do throws(JSONError) {
            return JSONCursor(try JSONValue.parse(text, maxDepth: limits.depth, maxElements: limits.elements), path: field.path)
        } catch {
            throw field.invalid("expected a list, or a string with a list as JSON: \(error.message)")
        }
    }

    private func elements(_ field: JSONCursor) throws(JSONError) -> [JSONCursor] {
        let elements = try list(field).array()
        guard elements.count <= limits.turns else {
            throw field.invalid("\(elements.count) messages; at most \(limits.turns) are read")
        }
        return elements
    }

    private func message(_ message: JSONCursor) throws(JSONError) -> ConversationTurn {
        let role = try message["role"].name()
        guard Self.roles.contains(role) else {
            throw message["role"].invalid("expected one of \(Self.roles.joined(separator: ", ")), found `\(role)`")
        }
        let calls = try calls(message["tool_calls"])
        let value = ChatMessage(
            role: role, content: try content(message["content"], isOptional: !calls.isEmpty), name: try message["name"].optionalString(),
            toolCalls: calls, toolCallID: try message["tool_call_id"].optionalString())
        let weight = try message["weight"].optionalInt(in: 0...1)
        guard weight == nil || role == ConversationTurn.assistant else {
            throw message["weight"].invalid("only an assistant's message has a weight")
        }
        return ConversationTurn(value, isTrained: role == ConversationTurn.assistant && weight != 0)
    }

    /// A string, or a list of text parts.
    private func content(_ field: JSONCursor, isOptional: Bool) throws(JSONError) -> String {
        if isOptional, !field.exists { return "" }
        guard case .array? = field.value else { return try field.string() }
        var text = ""
        for part in try field.array() {
            let type = try part["type"].name()
            guard type == "text" else { throw part["type"].invalid("expected text, found `\(type)`; only text can be learnt") }
            text += try part["text"].string()
        }
        return text
    }

    private func calls(_ field: JSONCursor) throws(JSONError) -> [ToolCall] {
        var calls: [ToolCall] = []
        for call in try field.optionalArray() ?? [] {
            let function = call["function"]
            calls.append(
                ToolCall(
                    id: try call["id"].optionalString() ?? "", name: try function["name"].string(),
                    arguments: ToolCall.arguments(function["arguments"].value)))
        }
        return calls
    }
}
