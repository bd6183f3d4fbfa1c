public import ChatTemplates
public import Foundation
public import Generation
public import JSON

/// How a base writes conversations: its chat template with the variables that serving gives it, so that a tuned adapter reads the
/// prompts that it was tuned on.
public struct ConversationTemplate: Sendable {
    private let standard: ChatTemplate
    private let forTools: ChatTemplate?
    private let beginOfSequence: String
    private let endOfSequence: String
    private let date: Date

    /// - Parameters:
    ///   - forTools: for conversations with tools, where the base has another template for them.
    ///   - beginOfSequence: text of the token, for the template; empty where there is none.
    ///   - endOfSequence: likewise.
    ///   - date: what a template that writes today's date writes. A resumed run passes the date of its start.
    public init(
        _ standard: ChatTemplate, forTools: ChatTemplate? = nil, beginOfSequence: String, endOfSequence: String, date: Date = Date()
    ) {
        self.standard = standard
        self.forTools = forTools
        self.beginOfSequence = beginOfSequence
        self.endOfSequence = endOfSequence
        self.date = date
    }

    /// The text of a conversation.
    ///
    /// Arguments of calls are objects, as `transformers` passes them; a template that joins them with text gets JSON text.
    /// - Parameter asksForAnswer: writes after it what stands before an assistant's next answer.
    public func render(
        _ messages: some Sequence<ChatMessage>, tools: [JSONValue], asksForAnswer: Bool
    ) throws(TemplateError) -> String {
        let messages = Array(messages)
        let template = tools.isEmpty ? standard : forTools ?? standard
        var context: JSONObject = [
            "messages": .array(messages.map { Self.value(of: $0) }), "tools": tools.isEmpty ? .null : .array(tools), "documents": .null,
            "add_generation_prompt": .bool(asksForAnswer), "bos_token": .string(beginOfSequence), "eos_token": .string(endOfSequence),
        ]
        do throws(TemplateError) {
            return try template.render(context, now: date)
        } catch {
            guard error.code == .type, messages.contains(where: { !$0.toolCalls.isEmpty }) else { throw error }
            context["messages"] = .array(messages.map { Self.value(of: $0, writesArguments: true) })
            return try template.render(context, now: date)
        }
    }

    private static func value(of message: ChatMessage, writesArguments: Bool = false) -> JSONValue {
        var value: JSONObject = ["role": .string(message.role), "content": .string(message.content)]
        if let name = message.name { value["name"] = .string(name) }
        if let call = message.toolCallID { value["tool_call_id"] = .string(call) }
        if !message.toolCalls.isEmpty {
            value["tool_calls"] = .array(
                message.toolCalls.map { call in
                    let isKept = !writesArguments || call.arguments.stringValue != nil
                    let arguments = isKept ? call.arguments : .string(call.arguments.serialized())
                    let function: JSONValue = ["name": .string(call.name), "arguments": arguments]
                    return ["id": .string(call.id), "type": "function", "function": function]
                })
        }
        return .object(value)
    }
}
