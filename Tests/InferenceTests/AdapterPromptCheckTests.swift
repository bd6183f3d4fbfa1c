import Adapters
import Testing
import Tokenizers

@testable import Inference

/// What an adapter brings for its prompts is tried before it serves.
@Suite struct AdapterPromptCheckTests {
    private func notices(_ prompting: AdapterPrompting) throws -> [String] {
        let base = AdapterPromptCheck.Base(tokenizer: ScriptedVocabulary(), endOfSequence: "<end>")
        return try AdapterPromptCheck { base }.check(prompting)
    }

    private func notices(_ template: String, tools: String? = nil) throws -> [String] {
        try notices(AdapterPrompting(templates: AdapterTemplates(standard: template, tools: tools)))
    }

    static let good = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"

    @Test func aSoundTemplateIsNothingToTell() throws {
        #expect(try notices(Self.good).isEmpty)
        #expect(try notices(AdapterPrompting(tokens: AdapterTokens(endOfSequence: "<end>", beginOfSequence: "<begin>", endIDs: [1]))).isEmpty)
    }

    @Test(arguments: [
        "{% for m in messages %}", "{{ messages | frobnicate }}", "{{ frobnicate(messages) }}", "{{ messages[0].content + 3 }}",
        "{% include 'x' %}", "{{ raise_exception('never') }}", "", "{# nothing #}", "{% if messages | length > 1 %}{{ messages }}{% endif %}",
        "{{ nothing }}",
    ])
    func aTemplateThatRendersNothingIsRefused(template: String) throws {
        let error = #expect(throws: AdapterError.self) { _ = try notices(template) }
        #expect(error?.code == .malformed && error?.file == "chat_template.jinja", "\(String(describing: error))")
        let tools = #expect(throws: AdapterError.self) { _ = try notices(Self.good, tools: template) }
        #expect(tools?.code == .malformed && tools?.file?.contains("tool_use") == true, "\(String(describing: tools))")
    }

    @Test func aTemplateThatTakesSomeConversationsServesAndIsNamed() throws {
        let noSystem = "{% if messages[0].role == 'system' %}{{ raise_exception('no system message') }}{% endif %}" + Self.good
        #expect(try notices(noSystem).contains { $0.contains("system message") })
        let noTools = "{% if tools %}{{ tools | frobnicate }}{% endif %}" + Self.good
        #expect(try notices(noTools).contains { $0.contains("tools") })
    }

    @Test func aTemplateForNoMessageAloneIsNamed() throws {
        #expect(try notices("{{ messages[1].content }}{{ add_generation_prompt }}").contains { $0.contains("a user's message alone") })
    }

    @Test func aTemplateForToolsIsTriedWithTools() throws {
        let tools = "{% for t in tools %}{{ t | tojson }}\n{% endfor %}" + Self.good
        #expect(try notices(Self.good, tools: tools).isEmpty)
    }

    @Test func aTemplateWithoutGenerationPromptIsNamed() throws {
        let notices = try notices("{% for m in messages %}[{{ m.content }}]{% endfor %}")
        #expect(notices.count == 1 && notices[0].contains("add_generation_prompt"))
    }

    @Test func tokensThatTheBaseDoesNotHaveAreNamed() throws {
        let notices = try notices(
            AdapterPrompting(tokens: AdapterTokens(endOfSequence: "<|other|>", beginOfSequence: "<|first|>", endIDs: [1, 70_000])))
        #expect(notices.count == 3 && notices[0].contains("<|other|>") && notices[2].contains("70000"), "\(notices)")
    }
}

/// Knows two special tokens.
private struct ScriptedVocabulary: Tokenizer {
    var vocabularySize: Int { 2 }
    var beginOfSequence: Int32? { 0 }
    var endOfSequence: Set<Int32> { [1] }
    func encode(_ text: String, addSpecialTokens: Bool, parseSpecial: Bool) -> [Int32] { [] }
    func encode(_ text: String, plainAt offsets: Set<Int>) -> [Int32] { [] }
    func specialTokenOffsets(in text: String) -> [Int] { [] }
    func bytes(of token: Int32) -> [UInt8] { Array((piece(of: token) ?? "").utf8) }
    func isSpecial(_ token: Int32) -> Bool { true }
    func token(_ piece: String) -> Int32? { ["<begin>": 0, "<end>": 1][piece] }
    func piece(of token: Int32) -> String? { [0: "<begin>", 1: "<end>"][token] }
}
