import ChatTemplates
import Foundation
import JSON
import Testing

/// The template inside the real base model.
@Suite struct BaseModelTests {
    /// The value of `tokenizer.chat_template` in a GGUF file: the key, the type 8 (string), 64 bits of length, the text.
    private func template() throws -> String {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "../../models/base.gguf")
        let data = try Data(contentsOf: path, options: .alwaysMapped)
        let key = Data("tokenizer.chat_template".utf8) + Data([8, 0, 0, 0])
        let place = try #require(data.range(of: key, in: 0..<min(data.count, 16 << 20)))
        let length = data[place.upperBound..<place.upperBound + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
        return String(decoding: data[place.upperBound + 8..<place.upperBound + 8 + length], as: UTF8.self)
    }

    @Test func smolLMWritesChatMLWithItsOwnSystemTurn() throws {
        let template = try ChatTemplate(source: template())
        let user: JSONValue = ["role": "user", "content": "How many rivers?"]
        let prompt = try template.render(["messages": [user], "add_generation_prompt": true])
        #expect(
            prompt == "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
                + "<|im_start|>user\nHow many rivers?<|im_end|>\n<|im_start|>assistant\n")
        let system: JSONValue = ["role": "system", "content": "Be brief."]
        let answer: JSONValue = ["role": "assistant", "content": "Many."]
        #expect(
            try template.render(["messages": [system, user, answer]])
                == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHow many rivers?<|im_end|>\n<|im_start|>assistant\nMany.<|im_end|>\n"
        )
    }
}
