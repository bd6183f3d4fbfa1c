import ChatTemplates
import Foundation
import JSON
import Merging
import TestSupport
import Testing

/// The chat template that a recipe names.
@Suite("Chat templates of merged models")
struct MergedTemplateTests {
    private static let turns: JSONValue = [
        ["role": "system", "content": "Be brief."], ["role": "user", "content": "hi"], ["role": "assistant", "content": "yes?"],
        ["role": "user", "content": "bye"],
    ]

    @Test(
        "A named template writes turns in its format",
        arguments: [
            ("chatml", "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nyes?<|im_end|>\n<|im_start|>user\nbye<|im_end|>\n<|im_start|>assistant\n"),
            ("llama3", "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nyes?<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nbye<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"),
            ("mistral", "<s> [INST] Be brief.\n\nhi [/INST] yes?</s> [INST] bye [/INST]"),
            ("exaone", "[|system|]Be brief.[|endofturn|]\n[|user|]hi\n[|assistant|]yes?[|endofturn|]\n[|user|]bye\n[|assistant|]"),
            ("alpaca", "Be brief.\n\n### Instruction:\nhi\n\n### Response:\nyes?\n\n### Instruction:\nbye### Response:\n"),
        ])
    func named(_ name: String, _ expected: String) throws {
        let template = try ChatTemplate(source: try template("chat_template: \(name)"))
        let text = try template.render(["messages": Self.turns, "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>"])
        #expect(text == expected)
    }

    @Test("A text in Jinja is taken as it is, and another name is refused with those that are known")
    func text() throws {
        #expect(try template("chat_template: '{{ messages[0].content }}'") == "{{ messages[0].content }}")
        let error = failure { _ = try template("chat_template: vicuna") }
        #expect(error?.code == .invalidRecipe)
        #expect(error?.message.contains("chatml") == true)
    }

    private func template(_ line: String) throws -> String {
        let folder = try TemporaryFolder()
        let recipe = try MergeFixture.recipe("merge_method: passthrough\nmodels: [{model: base}]\n\(line)\n")
        try MergeRun(MergeFixture.plan(recipe), to: folder.place("out"), options: MergeOptions()).run(
            pool: .init(threads: 1), progress: { _ in }, isInterrupted: { false })
        return try folder.text("out/chat_template.jinja")
    }
}
