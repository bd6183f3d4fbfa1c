import Generation
import Tokenizers
import Testing

@testable import Inference

@Suite("the text of an answer")
struct TextEmitterTests {
    /// SentencePiece with a space before each text: `▁a`, `b`.
    private func text(_ change: (inout GenerationRequest) -> Void) throws -> String {
        let tokenizer = try SentencePieceTokenizer(
            vocabulary: SentencePieceVocabulary(
                tokens: ["<unk>", "a", "b", "▁", "▁a"], types: [2, 1, 1, 1, 1], scores: [0, -1, -2, -3, 0], unknown: 0, addSpacePrefix: true))
        var request = GenerationRequest(id: "", prompt: .chat([], tools: []))
        change(&request)
        var emitter = TextEmitter(tokenizer, request)
        var text = ""
        for token: Int32 in [4, 2, 4] {
            let event = emitter.append(SampledToken(token: token))
            if case .delta(let part, _)? = event { text += part }
        }
        return text
    }

    @Test("a new message begins without the tokenizer's space; what goes on a text, or has a form, keeps it")
    func leadingSpace() throws {
        #expect(try text { _ in } == "ab a")
        #expect(try text { $0.prompt = .text("a", addSpecialTokens: true, parseSpecial: false) } == " ab a")
        #expect(try text { $0.prompt = .tokens([4]) } == " ab a")
        #expect(try text { $0.rendering.continuesFinalMessage = true } == " ab a")
        #expect(try text { $0.format = AnswerFormat(.jsonObject, field: "response_format") } == " ab a")
    }
}
