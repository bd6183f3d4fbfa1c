import ChatTemplates
import Generation
import JSON

/// Renders a chat template with words that no template holds, and looks which of them come out, and beside what.
struct TemplateProbe {
    private static let function = "probefunction4711"
    private static let called = "probecalled4711"
    private static let argument = "probeargument4711"
    private static let value = "probevalue4711"
    private static let result = "proberesult4711"
    private static let system = "probesystem4711"
    /// One that every template takes.
    private static let identity = "abcdef123"

    private let template: ChatTemplate
    private let tokens: TemplateTokens

    init(_ template: ChatTemplate, _ tokens: TemplateTokens) {
        self.template = template
        self.tokens = tokens
    }

    func features() -> TemplateFeatures {
        var features = TemplateFeatures()
        features.showsSystem = render([system, user])?.contains(Self.system) == true
        let shown = ["tools", "xml_tools"].lazy.compactMap { variable -> (String, String)? in
            guard template.source.contains(variable) else { return nil }
            let texts = [[user], [system, user]].lazy.compactMap { render($0, toolVariable: variable) }
            return texts.first { $0.contains(Self.function) }.map { (variable, $0) }
        }.first
        features.toolVariable = shown?.0
        let conversations = [[user, call, result], [user, call, result, answer, user], [user, call], [call]]
        let texts = conversations.compactMap { render($0, toolVariable: features.toolVariable) }
        let calls = texts.first { $0.contains(Self.value) }
        features.takesSeveralCalls = calls == nil || render([user, severalCalls, result, result], toolVariable: features.toolVariable) != nil
        // A template that refuses all of these is left alone.
        let mayShow = texts.isEmpty && template.source.contains("tool_calls")
        features.showsCalls = calls != nil || mayShow
        features.showsResults = texts.contains { $0.contains(Self.result) } || mayShow
        features.format = calls.flatMap(Self.format(ofCall:)) ?? (calls == nil ? shown.flatMap { Self.format(ofInstructions: $0.1) } : nil)
        return features
    }

    private let user = ChatMessage(role: "user", content: "Hello")
    private let system = ChatMessage(role: "system", content: Self.system)
    private let answer = ChatMessage(role: "assistant", content: "Hello")
    private let result = ChatMessage(role: "tool", content: Self.result, name: Self.called, toolCallID: Self.identity)
    private let call = ChatMessage(role: "assistant", content: "", toolCalls: [Self.oneCall])
    private let severalCalls = ChatMessage(role: "assistant", content: "", toolCalls: [Self.oneCall, Self.oneCall])
    private static let oneCall = ToolCall(id: identity, name: called, arguments: .object([argument: .string(value)]))

    private static func tool(_ name: String) -> JSONValue {
        ToolFunction(
            name: name, description: "Greets.",
            parameters: ["type": "object", "properties": .object([argument: ["type": "string", "description": "A name."]]), "required": [.string(argument)]]
        ).definition
    }

    private static let definitions = [tool(function)]

    /// nil: the template refuses it.
    private func render(_ messages: [ChatMessage], toolVariable: String? = nil) -> String? {
        var context = TemplateVariables.of(
            messages, tools: toolVariable == "tools" ? Self.definitions : [], asksForAnswer: true,
            beginOfSequence: tokens.beginOfSequence, endOfSequence: tokens.endOfSequence)
        if let toolVariable, toolVariable != "tools" { context[toolVariable] = .array(Self.definitions) }
        do throws(TemplateError) {
            return try template.renderWithArguments(context)
        } catch {
            return nil
        }
    }

    // MARK: Formats

    /// The format of the one call in a text.
    private static func format(ofCall text: String) -> CallFormat? {
        if text.contains("<function=\(called)>") { return text.contains("<parameter=\(argument)>") ? .parameters : .functionary }
        if text.contains(">>>\(called)\n") { return .recipients }
        guard let value = text.range(of: value) else { return nil }
        let before = text[..<value.lowerBound]
        if let trigger = before.ranges(of: "[TOOL_CALLS]").last {
            return before[trigger.upperBound...].first { !$0.isWhitespace } == "[" ? .mistral : .mistralNames
        }
        for trigger in CallFormat.pythonic.triggers where before.contains(trigger) { return .pythonic }
        if before.contains("[\(called)(") { return .pythonic }
        let isObject = before.contains("\"name\": \"\(called)\"") || before.contains("\"name\":\"\(called)\"")
        guard isObject else { return nil }
        if let tag = before.ranges(of: "<tool_call>").last { return before[tag.upperBound...].isStartOfObject ? .hermes : nil }
        return before.ranges(of: "\"parameters\": ").last.map { before[$0.upperBound...].contains(argument) } == true ? .llama : nil
    }

    /// The format that instructions ask for.
    private static func format(ofInstructions text: String) -> CallFormat? {
        if text.contains("<function=") { return text.contains("<parameter=") ? .parameters : .functionary }
        if text.contains("<tool_call>") { return .hermes }
        if text.contains("[TOOL_CALLS]") { return .mistral }
        if text.contains("func_name1(") { return .pythonic }
        return text.contains("\"parameters\": dictionary") ? .llama : nil
    }
}

extension ChatTemplate {
    /// Arguments of calls are objects, as `transformers` passes them; a template that uses them as text gets JSON text.
    func renderWithArguments(_ context: JSONObject) throws(TemplateError) -> String {
        do throws(TemplateError) {
            return try render(context)
        } catch {
            if error.isMisuse, let textual = TemplateVariables.withArgumentsAsText(context) {
                do throws(TemplateError) {
                    return try render(textual)
                } catch {}
            }
            throw error
        }
    }
}

extension Substring {
    /// White space, then `{`.
    fileprivate var isStartOfObject: Bool { first { !$0.isWhitespace } == "{" }
}
