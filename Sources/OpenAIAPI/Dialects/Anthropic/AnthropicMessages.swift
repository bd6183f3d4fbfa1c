import Generation
import JSON

/// Turns as Anthropic's clients send them: `system` apart, results of tools as blocks of the user's turns.
enum AnthropicMessages {
    static func read(_ cursor: JSONCursor, _ reader: RequestReader) throws -> [ChatMessage] {
        let places = try cursor["messages"].array()
        guard !places.isEmpty, places.count <= reader.limits.messages else {
            throw cursor["messages"].invalid("expected 1 to \(reader.limits.messages) messages, found \(places.count)")
        }
        var messages: [ChatMessage] = []
        if let system = try text(cursor["system"]), !system.isEmpty { messages.append(ChatMessage(role: "system", content: system)) }
        for place in places {
            switch try place["role"].name() {
            case "user": messages += try user(place["content"])
            case "assistant": messages.append(try assistant(place["content"]))
            case "system": messages.append(ChatMessage(role: "system", content: try text(place["content"]) ?? ""))
            case let other: throw place["role"].invalid("`\(other)` is not one of user and assistant")
            }
        }
        return messages
    }

    /// A turn of the user: results of tools are turns of their own, in the order of the blocks.
    private static func user(_ cursor: JSONCursor) throws -> [ChatMessage] {
        var (messages, parts): ([ChatMessage], [String]) = ([], [])
        func endText() {
            guard !parts.isEmpty else { return }
            messages.append(ChatMessage(role: "user", content: parts.joined(separator: "\n")))
            parts = []
        }
        for block in try blocks(cursor) {
            switch try block["type"].name() {
            case "text": parts.append(try block["text"].string())
            case "tool_result":
                endText()
                messages.append(
                    ChatMessage(
                        role: "tool", content: try text(block["content"]) ?? "", toolCallID: try block["tool_use_id"].string()))
            case let other: throw unread(other, block)
            }
        }
        endText()
        if messages.isEmpty { messages.append(ChatMessage(role: "user", content: "")) }
        return messages
    }

    private static func assistant(_ cursor: JSONCursor) throws -> ChatMessage {
        var (parts, thoughts, calls): ([String], [String], [ToolCall]) = ([], [], [])
        for block in try blocks(cursor) {
            switch try block["type"].name() {
            case "text": parts.append(try block["text"].string())
            case "tool_use":
                calls.append(
                    ToolCall(id: try block["id"].string(), name: try block["name"].string(), arguments: .object(try block["input"].object())))
            case "thinking": thoughts.append(try block["thinking"].string())
            case "redacted_thinking": break
            case let other: throw unread(other, block)
            }
        }
        return ChatMessage(
            role: "assistant", content: parts.joined(separator: "\n"), reasoning: thoughts.isEmpty ? nil : thoughts.joined(separator: "\n"),
            toolCalls: calls)
    }

    /// A string is one block of text.
    private static func blocks(_ cursor: JSONCursor) throws -> [JSONCursor] {
        if case .string(let text) = cursor.value {
            return [JSONCursor(["type": "text", "text": .string(text)], path: cursor.path)]
        }
        return try cursor.array()
    }

    /// A string, or blocks of text joined by line ends; nil where there is nothing.
    private static func text(_ cursor: JSONCursor) throws -> String? {
        guard cursor.exists else { return nil }
        var parts: [String] = []
        for block in try blocks(cursor) {
            let type = try block["type"].name()
            guard type == "text" else { throw unread(type, block) }
            parts.append(try block["text"].string())
        }
        return parts.joined(separator: "\n")
    }

    private static func unread(_ type: String, _ block: JSONCursor) -> JSONError {
        block["type"].invalid("`\(type)` blocks are not taken here: this model reads text, its own calls and their results")
    }
}
