import JSON

/// The arguments of tool calls in a conversation, as templates take them.
enum ToolCallArguments {
    /// A template's variables with arguments as JSON text instead of objects; nil when they hold none.
    static func asText(_ context: JSONObject) -> JSONObject? {
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
