import Foundation
import Generation
import Models
import Tensors
import Testing

@testable import Inference

/// The engine on a tiny random Gemma 3 out of a GGUF file: a sliding window of 8, a SentencePiece vocabulary, its template.
@Suite("Engine on a model with a sliding window", .serialized)
struct GemmaEngineTests {
    private static func base() throws -> BaseModel {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try BaseModel.open(
            root.appending(path: "ModelsTests/Fixtures/tiny/gemma3/model.gguf").path, pool: WorkerPool(threads: 2))
    }

    private func request(_ text: String, maxTokens: Int = 40, bias: [Int32: Float] = [:]) -> GenerationRequest {
        RealEngine.request(text, maxTokens: maxTokens) {
            $0.sampling.logitBias = bias
            $0.ignoreEndOfSequence = bias.isEmpty
        }
    }

    @Test("the template's turns are special tokens, and either end token ends an answer")
    func turns() async throws {
        let base = try Self.base()
        #expect(base.tokenizer.endOfSequence == [1, 5] && base.tokenizer.beginOfSequence == 2)
        let engine = try Engine(base: base, store: nil)
        defer { engine.stop() }
        let answer = await engine.answer(request("Hi there", maxTokens: 1))
        let text = "<bos><start_of_turn>user\nHi there<end_of_turn>\n<start_of_turn>model\n"
        let prompt = base.tokenizer.encode(text, addSpecialTokens: false, parseSpecial: true)
        #expect(Array(prompt.prefix(2)) == [2, 4] && prompt.contains(5))
        #expect(answer.usage?.promptTokens == prompt.count)
        for end in [1, 5] as [Int32] {
            let ended = await engine.answer(request("Hi there", bias: [end: 100]))
            #expect(ended.reason == .stop && ended.text.isEmpty)
        }
        let plain = GenerationRequest(
            id: "plain", prompt: .text("Hi", addSpecialTokens: true, parseSpecial: true), sampling: .greedy, maxTokens: 1)
        #expect(await engine.answer(plain).usage?.promptTokens == 3)
    }

    @Test("prefixes, chunks and neighbours change no token, though layers look back 8 positions only")
    func exactness() async throws {
        let texts = (0..<4).map { "Tell me about number \($0) and " + String(repeating: "much more, ", count: 4 + 2 * $0) }
        let alone = try Engine(base: try Self.base(), store: nil)
        var first: [Answer] = []
        for text in texts { first.append(await alone.answer(request(text))) }
        for (text, before) in zip(texts, first) {
            let again = await alone.answer(request(text))
            #expect(before.failure == nil && before.usage?.completionTokens == 40)
            #expect(again.usage?.cachedTokens ?? 0 >= 32)
            #expect(again.text == before.text)
        }
        await alone.settle()
        alone.stop()
        #expect(Set(first.map(\.text)).count == texts.count)

        var limits = InferenceLimits()
        limits.prefillTokens = 7
        limits.speculates = false
        let together = try Engine(base: try Self.base(), store: nil, limits: limits)
        defer { together.stop() }
        let answers = await withTaskGroup(of: (Int, Answer).self) { group in
            for (index, text) in texts.enumerated() {
                group.addTask { (index, await together.answer(request(text))) }
            }
            return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }
        }
        for (index, before) in first.enumerated() { #expect(answers[index]?.text == before.text) }
    }
}
