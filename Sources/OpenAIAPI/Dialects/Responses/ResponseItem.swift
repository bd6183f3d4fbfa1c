import Generation
import JSON

/// A piece of a conversation as `/v1/responses` knows it: what a client sends, and what an answer consists of.
struct ResponseItem: Sendable, Equatable {
    enum Content: Sendable, Equatable {
        case message(role: String, text: String)
        /// A call that an assistant made; `arguments` is JSON text.
        case call(id: String, name: String, arguments: String)
        case result(callID: String, text: String)
        case reasoning(String)
        /// A stored item of that identity.
        case reference
    }

    /// Empty until it has one.
    var id: String
    var content: Content
    /// Where it stands in the request, for errors.
    var place = ""

    /// Of an identity that this server gives.
    var idPrefix: String {
        switch content {
        case .message, .reference: "msg_"
        case .call: "fc_"
        case .result: "fco_"
        case .reasoning: "rs_"
        }
    }

    /// In memory, more or less.
    var byteCount: Int {
        let text =
            switch content {
            case .message(_, let text), .reasoning(let text): text.utf8.count
            case .call(let id, let name, let arguments): id.utf8.count + name.utf8.count + arguments.utf8.count
            case .result(let id, let text): id.utf8.count + text.utf8.count
            case .reference: 0
            }
        return text + id.utf8.count + 128
    }

    /// As a list of items shows it.
    var json: JSONValue {
        switch content {
        case .message(let role, let text):
            var part: JSONObject = ["type": role == "assistant" ? "output_text" : "input_text", "text": .string(text)]
            if role == "assistant" { part["annotations"] = [] }
            return [
                "id": .string(id), "type": "message", "status": "completed", "role": .string(role), "content": [.object(part)],
            ]
        case .call(let call, let name, let arguments):
            return [
                "id": .string(id), "type": "function_call", "status": "completed", "call_id": .string(call), "name": .string(name),
                "arguments": .string(arguments),
            ]
        case .result(let call, let text):
            return [
                "id": .string(id), "type": "function_call_output", "status": "completed", "call_id": .string(call), "output": .string(text),
            ]
        case .reasoning(let text):
            return ["id": .string(id), "type": "reasoning", "summary": [["type": "summary_text", "text": .string(text)]]]
        case .reference: return ["id": .string(id), "type": "item_reference"]
        }
    }
}

extension ResponseItem {
    /// An item of an answer, as `ResponseOutput` writes it.
    init(answered item: JSONValue) {
        func text(_ value: JSONValue?) -> String { value?.stringValue ?? "" }
        func texts(_ parts: JSONValue?) -> String { (parts?.arrayValue ?? []).map { text($0["text"]) }.joined(separator: "\n") }
        id = text(item["id"])
        switch item["type"] {
        case "function_call": content = .call(id: text(item["call_id"]), name: text(item["name"]), arguments: text(item["arguments"]))
        case "reasoning": content = .reasoning(texts(item["summary"]))
        default: content = .message(role: "assistant", text: texts(item["content"]))
        }
    }

    /// `input`: a text of the user, or items. Identities may be missing, or another server's.
    static func read(_ cursor: JSONCursor, _ reader: RequestReader) throws -> [ResponseItem] {
        guard cursor.exists else { return [] }
        if case .string(let text) = cursor.value {
            return [ResponseItem(id: "", content: .message(role: "user", text: text), place: cursor.path)]
        }
        let places = try cursor.array()
        guard places.count <= reader.limits.messages else {
            throw cursor.invalid("\(places.count) items; at most \(reader.limits.messages) are taken")
        }
        return try places.map { place in
            ResponseItem(id: try place["id"].optionalName() ?? "", content: try content(place), place: place.path)
        }
    }

    private static func content(_ cursor: JSONCursor) throws -> Content {
        let isBare = !cursor["role"].exists && cursor["id"].exists
        switch try cursor["type"].optionalName() ?? (isBare ? "item_reference" : "message") {
        case "message":
            return .message(role: try role(cursor["role"]), text: try text(cursor["content"]))
        case "function_call":
            return .call(
                id: try cursor["call_id"].string(), name: try cursor["name"].string(), arguments: try cursor["arguments"].optionalString() ?? "")
        case "function_call_output":
            return .result(callID: try cursor["call_id"].string(), text: try text(cursor["output"]))
        case "reasoning":
            // The text itself where it is there, otherwise its summary.
            let content = try text(cursor["content"])
            return .reasoning(content.isEmpty ? try text(cursor["summary"]) : content)
        case "item_reference":
            _ = try cursor["id"].name()
            return .reference
        case let other:
            throw cursor["type"].invalid(
                "`\(other)` items are not taken here: expected message, function_call, function_call_output, reasoning or item_reference")
        }
    }

    private static func role(_ cursor: JSONCursor) throws -> String {
        switch try cursor.name() {
        case "system", "developer": return "system"
        case "user": return "user"
        case "assistant": return "assistant"
        case let other: throw cursor.invalid("`\(other)` is not one of system, developer, user and assistant")
        }
    }

    private static let texts: Set<String> = ["input_text", "output_text", "text", "summary_text", "reasoning_text"]

    /// A string, or parts of text joined by line ends.
    private static func text(_ cursor: JSONCursor) throws -> String {
        switch cursor.value {
        case nil, .null: return ""
        case .string(let text): return text
        default:
            return try cursor.array().map { part in
                let type = try part["type"].name()
                if type == "refusal" { return try part["refusal"].string() }
                guard texts.contains(type) else {
                    throw part["type"].invalid("`\(type)` parts are not taken: this model reads text only")
                }
                return try part["text"].string()
            }.joined(separator: "\n")
        }
    }
}

extension ChatMessage {
    /// The turns of a conversation. What an assistant says and the calls that follow are one turn.
    static func turns(_ items: [ResponseItem]) -> [ChatMessage] {
        var turns: [ChatMessage] = []
        /// The last turn is the assistant's, and more of it may come.
        var isOpen = false
        /// Before what the assistant says or calls.
        var thought: String?
        for item in items {
            switch item.content {
            case .message(let role, let text):
                if role == "assistant", isOpen, let last = turns.last, last.toolCalls.isEmpty {
                    turns[turns.count - 1].content = last.content.isEmpty ? text : "\(last.content)\n\(text)"
                } else {
                    turns.append(ChatMessage(role: role, content: text, reasoning: role == "assistant" ? thought : nil))
                }
                thought = nil
                isOpen = role == "assistant"
            case .call(let id, let name, let arguments):
                if !isOpen { turns.append(ChatMessage(role: "assistant", content: "", reasoning: thought)) }
                (isOpen, thought) = (true, nil)
                turns[turns.count - 1].toolCalls.append(
                    ToolCall(id: id, name: name, arguments: ToolCall.arguments(.string(arguments))))
            case .result(let id, let text):
                isOpen = false
                turns.append(ChatMessage(role: "tool", content: text, toolCallID: id))
            case .reasoning(let text): (isOpen, thought) = (false, text.isEmpty ? nil : text)
            case .reference: break
            }
        }
        return turns
    }
}
