import Generation
import JSON

extension ChatMessage {
    /// Turns as OpenAI clients send them. Content parts are joined by line ends; parts that are not text are refused.
    static func read(_ cursor: JSONCursor, fields: FieldPolicy, limits: APILimits) throws(JSONError) -> [ChatMessage] {
        let places = try cursor.array()
        guard !places.isEmpty, places.count <= limits.messages else {
            throw cursor.invalid("expected 1 to \(limits.messages) messages, found \(places.count)")
        }
        var messages: [ChatMessage] = []
        for place in places { messages.append(try ChatMessage(place, fields: fields)) }
        return messages
    }

    private init(_ cursor: JSONCursor, fields: FieldPolicy) throws(JSONError) {
        try fields.check(cursor, FieldNames.message)
        let role = try Self.role(cursor["role"])
        let calls = try Self.toolCalls(cursor["tool_calls"]) + Self.functionCall(cursor["function_call"])
        let newer = try cursor["reasoning"].optionalString()
        let reasoning = try cursor["reasoning_content"].optionalString() ?? newer
        let refusal = try cursor["refusal"].optionalString()
        var content = try Self.text(cursor["content"])
        if content == nil, role == "assistant" {
            // The assistant's refusal, or nothing beside its calls or its thinking.
            content = refusal ?? (calls.isEmpty && reasoning == nil ? nil : "")
        }
        // A function may return nothing.
        if content == nil, role == "tool" { content = "" }
        guard let content else {
            throw JSONError(.missing, "missing; expected a string or an array of parts", path: cursor["content"].path)
        }
        self.init(
            role: role, content: content, reasoning: reasoning, name: try cursor["name"].optionalString(), toolCalls: calls,
            toolCallID: try cursor["tool_call_id"].optionalString())
    }

    /// `developer` is what newer clients call `system`; `function` is what older ones called `tool`.
    private static func role(_ cursor: JSONCursor) throws(JSONError) -> String {
        switch try cursor.name() {
        case "system", "developer": return "system"
        case "user": return "user"
        case "assistant": return "assistant"
        case "tool", "function": return "tool"
        case let other:
            throw cursor.invalid("`\(other)` is not one of system, developer, user, assistant, tool and function")
        }
    }

    private static func text(_ cursor: JSONCursor) throws(JSONError) -> String? {
        guard cursor.exists else { return nil }
        switch cursor.value {
        case .string(let text): return text
        case .array:
            var parts: [String] = []
            for part in try cursor.array() {
                switch try part["type"].name() {
                case "text": parts.append(try part["text"].string())
                case "refusal": parts.append(try part["refusal"].string())
                case let other: throw part["type"].invalid("`\(other)` parts are not taken: this model reads text only")
                }
            }
            return parts.joined(separator: "\n")
        default:
            throw cursor.invalid("expected a string or an array of parts, found \(cursor.value?.kindName ?? "nothing")")
        }
    }

    private static func toolCalls(_ cursor: JSONCursor) throws(JSONError) -> [ToolCall] {
        var calls: [ToolCall] = []
        for place in try cursor.optionalArray() ?? [] {
            let type = try place["type"].optionalName() ?? "function"
            guard type == "function" else { throw place["type"].invalid("`\(type)` is not `function`") }
            calls.append(
                ToolCall(
                    id: try place["id"].optionalString() ?? "", name: try place["function"]["name"].string(),
                    arguments: try arguments(place["function"]["arguments"])))
        }
        return calls
    }

    /// The one call of a turn as older clients send it.
    private static func functionCall(_ cursor: JSONCursor) throws(JSONError) -> [ToolCall] {
        guard cursor.exists else { return [] }
        return [ToolCall(id: "", name: try cursor["name"].string(), arguments: try arguments(cursor["arguments"]))]
    }

    /// Clients send the model's text, which may be empty or cut off, or the arguments as JSON; see `ToolCall.arguments`.
    private static func arguments(_ cursor: JSONCursor) throws(JSONError) -> JSONValue {
        switch cursor.value {
        case nil, .null, .object, .string: return ToolCall.arguments(cursor.value)
        default: throw cursor.invalid("expected a string or an object, found \(cursor.value?.kindName ?? "nothing")")
        }
    }
}
