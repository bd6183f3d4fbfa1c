import Generation
import JSON

/// Turns as Ollama's clients send them: content is a string, and the arguments of a call are an object.
enum OllamaMessages {
    /// Empty where there are none: then the model is only loaded.
    static func read(_ cursor: JSONCursor, _ reader: RequestReader) throws -> [ChatMessage] {
        let places = try cursor.optionalArray() ?? []
        guard places.count <= reader.limits.messages else {
            throw cursor.invalid("\(places.count) messages; at most \(reader.limits.messages) are taken")
        }
        return try places.map { place in
            try reader.fields.check(place, ["role", "content", "thinking", "images", "tool_calls", "tool_name", "name", "tool_call_id"])
            try refuseImages(place["images"])
            let role = try place["role"].name()
            guard ["system", "user", "assistant", "tool"].contains(role) else {
                throw place["role"].invalid("`\(role)` is not one of system, user, assistant and tool")
            }
            let tool = try place["tool_name"].optionalString()
            return ChatMessage(
                role: role, content: try place["content"].optionalString() ?? "", reasoning: try place["thinking"].optionalString(), name: try tool ?? place["name"].optionalString(),
                toolCalls: try calls(place["tool_calls"]), toolCallID: try place["tool_call_id"].optionalString())
        }
    }

    private static func calls(_ cursor: JSONCursor) throws -> [ToolCall] {
        try (cursor.optionalArray() ?? []).map { place in
            let function = place["function"]
            return ToolCall(
                id: try place["id"].optionalString() ?? "", name: try function["name"].string(),
                arguments: .object(try function["arguments"].optionalObject() ?? [:]))
        }
    }

    static func refuseImages(_ cursor: JSONCursor) throws {
        guard try cursor.optionalArray()?.isEmpty ?? true else { throw cursor.invalid("not supported: this model reads text only") }
    }
}
