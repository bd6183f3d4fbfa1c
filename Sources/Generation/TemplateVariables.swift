public import JSON

/// What a chat template reads of a conversation, under the names and with the values that `transformers` passes. Serving and tuning render
/// with these, so that an adapter reads the prompts that it was tuned on.
public enum TemplateVariables {
    /// - Parameters:
    ///   - asksForAnswer: the template writes after the conversation what stands before an assistant's next answer.
    ///   - beginOfSequence: text of the token; empty where there is none.
    ///   - endOfSequence: likewise.
    public static func of(
        _ messages: [ChatMessage], tools: [JSONValue], asksForAnswer: Bool, beginOfSequence: String, endOfSequence: String
    ) -> JSONObject {
        [
            // What was not given is passed as none.
            "messages": .array(messages.map(value)), "tools": tools.isEmpty ? .null : .array(tools), "documents": .null,
            "add_generation_prompt": .bool(asksForAnswer), "bos_token": .string(beginOfSequence), "eos_token": .string(endOfSequence),
        ]
    }

    private static func value(_ message: ChatMessage) -> JSONValue {
        var value: JSONObject = ["role": .string(message.role), "content": .string(message.content)]
        if let name = message.name { value["name"] = .string(name) }
        if let reasoning = message.reasoning { value["reasoning_content"] = .string(reasoning) }
        if let call = message.toolCallID { value["tool_call_id"] = .string(call) }
        if !message.toolCalls.isEmpty {
            value["tool_calls"] = .array(
                message.toolCalls.map { call in
                    ["id": .string(call.id), "type": "function", "function": ["name": .string(call.name), "arguments": call.arguments]]
                })
        }
        return .object(value)
    }

    /// The variables with arguments of calls as JSON text instead of objects, for templates that use them as text (`+`, `.strip()`); nil
    /// when they hold none.
    public static func withArgumentsAsText(_ context: JSONObject) -> JSONObject? {
        guard var messages = context["messages"]?.arrayValue else { return nil }
        var isChanged = false
        for index in messages.indices {
            guard case .object(var message) = messages[index], let calls = message["tool_calls"]?.arrayValue else { continue }
            message["tool_calls"] = .array(
                calls.map { call in
                    guard case .object(var call) = call, case .object(var function)? = call["function"],
                        let arguments = function["arguments"], arguments.stringValue == nil
                    else { return call }
                    isChanged = true
                    function["arguments"] = .string(arguments.serialized())
                    call["function"] = .object(function)
                    return .object(call)
                })
            messages[index] = .object(message)
        }
        guard isChanged else { return nil }
        var context = context
        context["messages"] = .array(messages)
        return context
    }
}
