import ChatTemplates
import Foundation
import Generation
import JSON
import TestSupport
import Testing

@testable import Inference

/// Functions, calls and thinking in prompts, with templates that show them and templates that do not.
@Suite("Tool prompts")
struct ToolPromptTests {
    private static let weather = ToolFunction(
        name: "weather", description: "Tells the weather.", parameters: ["type": "object", "properties": ["city": ["type": "string"]]])

    private static let user = ChatMessage(role: "user", content: "Rain?")
    private static let call = ChatMessage(
        role: "assistant", content: "I look.", toolCalls: [ToolCall(id: "call_1", name: "weather", arguments: ["city": "Rome"])])
    private static let result = ChatMessage(role: "tool", content: "sunny", toolCallID: "call_1")

    private func fixture(_ name: String) throws -> String {
        try String(contentsOfFile: "\(Checkout.path)/Tests/ChatTemplatesTests/Fixtures/templates/\(name).jinja", encoding: .utf8)
    }

    private func features(_ source: String) throws -> TemplateFeatures {
        TemplateProbe(try ChatTemplate(source: source), TemplateTokens(beginOfSequence: "<s>", endOfSequence: "</s>")).features()
    }

    /// - Parameter template: nil is the base's own.
    private func builder(_ template: String? = nil) throws -> (builder: PromptBuilder, base: BaseModel) {
        let real = try RealEngine.shared.get().base
        let base = BaseModel(
            name: "base", decoder: real.decoder, weights: real.weights, pool: real.pool, tokenizer: real.tokenizer,
            template: try template.map { try ChatTemplate(source: $0) } ?? real.template, endOfSequencePiece: real.endOfSequencePiece)
        return (PromptBuilder(base: base, limits: InferenceLimits(), contextLength: 2048), base)
    }

    private func build(
        _ messages: [ChatMessage], _ template: String? = nil, tools: [ToolFunction] = [weather], _ change: (inout GenerationRequest) -> Void = { _ in }
    ) throws -> (text: String, built: BuiltPrompt) {
        let (builder, base) = try builder(template)
        var request = GenerationRequest(id: "a", prompt: .chat(messages, tools: tools))
        change(&request)
        let built = try builder.build(request, adapter: nil)
        return (base.tokenizer.decode(built.tokens, skipSpecialTokens: false), built)
    }

    @Test("rendering tells what a template shows and how its model writes calls")
    func probes() throws {
        let hermes = try features(fixture("qwen25"))
        #expect(hermes.format == .hermes && hermes.showsCalls && hermes.showsResults && hermes.showsSystem && hermes.takesSeveralCalls)
        #expect(hermes.toolVariable == "tools")
        let llama = try features(fixture("llama31"))
        #expect(llama.format == .llama && llama.hasTools && llama.showsCalls && llama.showsResults && !llama.takesSeveralCalls)
        let mistral = try features(fixture("mistral"))
        #expect(mistral.format == .mistral && mistral.hasTools && mistral.showsCalls && mistral.showsResults)
        for name in ["chatml", "zephyr", "reasoning"] {
            let plain = try features(fixture(name))
            #expect(!plain.hasTools && !plain.showsCalls && plain.showsSystem, "\(name)")
        }
        #expect(try !features(fixture("gemma")).hasTools)
    }

    @Test("calls in other syntaxes are told by what stands around them", arguments: [
        (#"<function={{ c.name }}>{{ c.arguments | tojson }}</function>"#, CallFormat.functionary),
        (#">>>{{ c.name }}{{ '\n' }}{{ c.arguments | tojson }}"#, .recipients),
        (#"<tool_call><function={{ c.name }}>{% for k, v in c.arguments.items() %}<parameter={{ k }}>{{ v }}</parameter>{% endfor %}"#, .parameters),
        (#"[{{ c.name }}({% for k, v in c.arguments.items() %}{{ k }}='{{ v }}'{% endfor %})]"#, .pythonic),
        (#"<|tool_call_start|>[{{ c | tojson }}]<|tool_call_end|>"#, .pythonic),
        (#"[TOOL_CALLS]{{ c.name }}[ARGS]{{ c.arguments | tojson }}"#, .mistralNames),
    ])
    func formats(syntax: String, format: CallFormat) throws {
        let source = """
            {{ tools | tojson }}{% for m in messages %}{{ m.role }}: {{ m.content }}{% for t in m.tool_calls or [] %}{% set c = t.function %}\(syntax)\
            {% endfor %}
            {% endfor %}
            """
        #expect(try features(source).format == format)
    }

    @Test("a syntax that is not known makes the generic prompt, which leaves the template's own out")
    func unknownSyntax() throws {
        let source = """
            {{ tools | tojson }}{% for m in messages %}[{{ m.role }}: {{ m.content }}{% for t in m.tool_calls or [] %}CALL {{ t.function.name }} WITH \
            {{ t.function.arguments | tojson }}{% endfor %}]
            {% endfor %}
            """
        #expect(try !features(source).hasTools)
        let (text, built) = try build([Self.user, Self.call, Self.result], source)
        #expect(built.toolPrompt == .generic && built.reading?.format == .hermes)
        #expect(text.hasPrefix("null[system: You can call functions."))
        #expect(!text.contains("CALL weather"))
    }

    @Test("a template that does not show functions gets them in the system's turn, and calls and results as text")
    func generic() throws {
        let (text, built) = try build([Self.user, Self.call, Self.result, ChatMessage(role: "user", content: "And?")])
        #expect(built.toolPrompt == .generic)
        #expect(built.reading?.format == .hermes && built.reading?.functions.map(\.name) == ["weather"])
        let instructions = ToolTurns.instructions([Self.weather])
        #expect(instructions.contains(#"{"name":"weather","description":"Tells the weather.","parameters":{"type":"object""#))
        #expect(
            text == """
                <|im_start|>system
                \(instructions)<|im_end|>
                <|im_start|>user
                Rain?<|im_end|>
                <|im_start|>assistant
                I look.
                <tool_call>
                {"name": "weather", "arguments": {"city":"Rome"}}
                </tool_call><|im_end|>
                <|im_start|>user
                <tool_response>
                sunny
                </tool_response>
                And?<|im_end|>
                <|im_start|>assistant

                """)
        let system = ChatMessage(role: "system", content: "Be brief.")
        #expect(try build([system, Self.user]).text.hasPrefix("<|im_start|>system\nBe brief.\n\n\(instructions)<|im_end|>\n"))
    }

    @Test("a template without system turns gets the functions in the user's")
    func withoutSystem() throws {
        let source = """
            {% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}[{{ m.role }}] {{ m.content }}
            {% endfor %}
            """
        let (text, _) = try build([Self.user], source)
        #expect(text.hasPrefix("[user] You can call functions.") && text.contains("\n\nRain?"))
    }

    @Test("functions that are not to be called are left out, and so is the reading of calls")
    func none() throws {
        let (text, built) = try build([Self.user]) { $0.toolChoice.mode = .none }
        #expect(try text == build([Self.user], tools: []).text)
        #expect(built.toolPrompt == nil && built.reading == nil)
        let past = try build([Self.user, Self.call, Self.result], tools: []).text
        #expect(past.contains("<tool_call>\n{\"name\": \"weather\"") && past.contains("user\n<tool_response>\nsunny"))
    }

    @Test("a template that shows functions shows calls and results as it does")
    func template() throws {
        let (text, built) = try build([Self.user, Self.call, Self.result], fixture("qwen25"))
        #expect(built.toolPrompt == .template && built.reading?.format == .hermes)
        #expect(text.contains("Signatures stand within <tools></tools>"))
        #expect(text.contains("I look.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>"))
        #expect(text.contains("<tool_response>\nsunny\n</tool_response>"))
        #expect(!text.contains("You can call functions"))
    }

    @Test("a template that shows functions and no calls gets the calls as text")
    func foldedCalls() throws {
        let source = """
            {% if xml_tools %}<tools>{{ xml_tools | tojson }}</tools> as <tool_call>{% endif %}{% for m in messages %}[{{ m.role }}] {{ m.content }}
            {% endfor %}
            """
        let (text, built) = try build([Self.user, Self.call, Self.result], source)
        #expect(built.toolPrompt == .template && built.reading?.format == .hermes)
        #expect(text.contains("\"name\": \"weather\"") && text.contains("I look.\n<tool_call>\n{\"name\": \"weather\""))
        #expect(text.contains("[tool] sunny"))
    }

    @Test("identities of calls fit Mistral's templates, whichever server made them")
    func shortIdentities() throws {
        let text = try build([Self.user, Self.call, Self.result], fixture("mistral")).text
        let id = CallIdentity.shortened("call_1")
        #expect(text.contains("\"id\": \"\(id)\"") && text.contains("\"call_id\": \"\(id)\""))
    }

    @Test("results have the name of the function that they are of; unknown ones pass")
    func names() throws {
        let source = "{% for m in messages %}[{{ m.role }} {{ m.name }} {{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.arguments | tojson }}{% endfor %}]{% endfor %}"
        var stray = Self.result
        stray.toolCallID = "other"
        #expect(try build([Self.call, Self.result, stray], source, tools: []).text.hasSuffix("[tool weather sunny][tool  sunny]"))
    }

    @Test("variables of the request reach the template, and cannot replace the conversation")
    func variables() throws {
        let source = "{{ enable_thinking }} {{ messages[0].content }} {{ documents }} {{ messages[0].reasoning_content }}"
        var user = Self.user
        user.reasoning = "hm"
        let (text, _) = try build([user], source, tools: []) {
            $0.rendering.variables = ["enable_thinking": false, "messages": [], "documents": "d"]
        }
        #expect(text == "False Rain? d hm")
    }

    @Test("thinking is read where the template has it, from the prompt on where that opens it")
    func thinking() throws {
        let think: (inout GenerationRequest) -> Void = { $0.rendering.separatesReasoning = true }
        let source = try fixture("reasoning")
        let (_, built) = try build([Self.user], source, tools: [], think)
        #expect(built.reading?.thinking == ThinkingMarks(open: "<think>", close: "</think>") && built.reading?.isThinking == false)
        #expect(try build([Self.user], source, tools: []).built.reading == nil)
        #expect(try build([Self.user], tools: [], think).built.reading == nil)
        let opened = try build([Self.user], "{{ messages[0].content }}</think><think>\n", tools: [], think)
        #expect(opened.built.reading?.isThinking == true)
        let off = try build([Self.user], source, tools: []) {
            think(&$0)
            $0.rendering.variables = ["enable_thinking": false]
        }
        #expect(off.text.hasSuffix("<think>\n\n</think>\n\n") && off.built.reading?.isThinking == false)
    }

    @Test("the last message stays open where the answer goes on with it, with the white space that the template keeps")
    func continues() throws {
        let answer = ChatMessage(role: "assistant", content: "It is ")
        let go: (inout GenerationRequest) -> Void = { $0.rendering.continuesFinalMessage = true }
        #expect(try build([Self.user, answer], tools: [], go).text.hasSuffix("<|im_start|>assistant\nIt is "))
        let trims = "{% for m in messages %}[{{ m.content | trim }}]{% endfor %}"
        #expect(try build([Self.user, answer], trims, tools: [], go).text == "[Rain?][It is")
        let closed = try build([Self.user], tools: []) { $0.rendering.asksForAnswer = false }
        #expect(closed.text.hasSuffix("Rain?<|im_end|>\n"))
        let open = try build([Self.user, ChatMessage(role: "assistant", content: "<think>so")], "</think>" + trims, tools: []) {
            go(&$0)
            $0.rendering.separatesReasoning = true
        }
        #expect(open.built.reading?.isThinking == true)
        do {
            _ = try build([Self.user, answer], "fixed", tools: [], go)
            Issue.record("it was rendered")
        } catch let error as GenerationError {
            #expect(error.field == "continue_final_message" && error.code == .invalidRequest)
        }
    }
}
