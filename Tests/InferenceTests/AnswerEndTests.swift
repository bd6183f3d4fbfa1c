import Foundation
import Generation
import Testing

@testable import Inference

/// What ends an answer and what of its end is shown, on the real base model.
@Suite("The end of an answer", .serialized)
struct AnswerEndTests {
    private static let shared = RealEngine.shared

    private func answer(_ change: (inout GenerationRequest) -> Void) async throws -> (Answer, Engine) {
        let engine = try Self.shared.get().engine
        return (await engine.answer(RealEngine.request("What is the capital of France?", maxTokens: 24, change)), engine)
    }

    private func token(_ piece: String) throws -> Int32 { try #require(Self.shared.get().base.tokenizer.token(piece)) }

    @Test("no end comes before the minimum, then it comes at once")
    func minimum() async throws {
        let end = try #require(try Self.shared.get().base.tokenizer.endOfSequence.min())
        let (early, _) = try await answer { $0.sampling.logitBias = [end: 100] }
        #expect(early.usage?.completionTokens == 1 && early.text.isEmpty)
        let (late, _) = try await answer {
            $0.sampling.logitBias = [end: 100]
            $0.minTokens = 7
        }
        #expect(late.usage?.completionTokens == 8 && late.reason == .stop && !late.text.isEmpty)
    }

    @Test("a stop token ends the answer without its text, or with it, and a stop string likewise")
    func stops() async throws {
        let (free, engine) = try await answer { $0.topLogprobs = 0 }
        let third = free.logprobs[2].chosen
        #expect(!free.logprobs[..<2].contains { $0.chosen.token == third.token })
        let before = engine.base.tokenizer.decode(free.logprobs[..<2].map(\.chosen.token), skipSpecialTokens: true)
        let shown = String(decoding: third.bytes, as: UTF8.self)
        let (hidden, _) = try await answer { $0.stopTokens = [third.token] }
        #expect(hidden.text == before && hidden.reason == .stop && hidden.usage?.completionTokens == 3)
        let (whole, _) = try await answer {
            $0.stopTokens = [third.token]
            $0.includesStop = true
        }
        #expect(whole.text == before + shown && whole.reason == .stop)
        let (cut, _) = try await answer { $0.stop = [shown] }
        #expect(cut.text == before && cut.reason == .stop)
        let (uncut, _) = try await answer {
            $0.stop = [shown]
            $0.includesStop = true
        }
        #expect(uncut.text == before + shown && uncut.reason == .stop)
        let (later, _) = try await answer {
            $0.stop = [shown]
            $0.minTokens = 3
        }
        #expect(later.text.hasPrefix(before + shown))
    }

    @Test("special tokens are shown where they are wanted, and the token that ends the answer is reported where it is wanted")
    func endToken() async throws {
        let special = try token("<|im_start|>")
        let bias: [Int32: Float] = [special: 100]
        let (skipped, _) = try await answer { $0.sampling.logitBias = bias; $0.maxTokens = 2 }
        #expect(skipped.text.isEmpty)
        let (shown, _) = try await answer { $0.sampling.logitBias = bias; $0.maxTokens = 2; $0.skipsSpecialTokens = false }
        #expect(shown.text == "<|im_start|><|im_start|>")
        let end = try #require(try Self.shared.get().base.tokenizer.endOfSequence.min())
        for reports in [false, true] {
            let (ended, _) = try await answer {
                $0.sampling.logitBias = [end: 100]
                $0.topLogprobs = 1
                $0.reportsEndToken = reports
            }
            #expect(ended.logprobs.map(\.chosen.token) == (reports ? [end] : []) && ended.text.isEmpty && ended.reason == .stop)
        }
    }

    @Test("banned words do not come, only allowed tokens come, and contradictions are the client's")
    func rules() async throws {
        let (free, engine) = try await answer { _ in }
        func words(_ text: String) -> [String] { text.split { !$0.isLetter }.map(String.init).filter { $0.count > 2 } }
        let word = try #require(words(free.text).last)
        let (banned, _) = try await answer { $0.bannedWords = [word] }
        #expect(!words(banned.text).contains(word) && banned.text != free.text && !banned.text.isEmpty)
        let digits = Set(engine.base.tokenizer.encode("0123456789", addSpecialTokens: false, parseSpecial: false))
        let (only, _) = try await answer { $0.allowedTokens = digits }
        #expect(!only.text.isEmpty && only.text.allSatisfy(\.isNumber) && only.reason == .length)
        let (none, _) = try await answer {
            $0.allowedTokens = [digits.min() ?? 0]
            $0.bannedWords = [engine.base.tokenizer.decode([digits.min() ?? 0], skipSpecialTokens: true)]
        }
        #expect(none.failure?.code == .invalidRequest)
        let vocabulary = Int32(engine.base.decoder.configuration.vocabulary)
        let (unknown, _) = try await answer { $0.allowedTokens = [vocabulary] }
        #expect(unknown.failure?.field == "allowed_token_ids")
        let (outside, _) = try await answer { $0.stopTokens = [-1] }
        #expect(outside.failure?.field == "stop_token_ids")
        let (empty, _) = try await answer { $0.allowedTokens = [] }
        #expect(empty.failure?.field == "allowed_token_ids")
    }

    @Test("a prompt is cut at its beginning or its end, to a number of tokens or to what has room")
    func truncation() async throws {
        let engine = try Self.shared.get().engine { $0.keyValueBytes = 4 * KeyValueBlock.bytes }
        defer { engine.stop() }
        func scored(_ truncation: PromptTruncation?, maxTokens: Int = 0) async -> Answer {
            var request = GenerationRequest(id: "cut", prompt: .tokens(Array(40..<140)), sampling: .greedy, maxTokens: maxTokens)
            request.promptLogprobs = 0
            request.truncation = truncation
            return await engine.answer(request)
        }
        func tokens(_ answer: Answer) -> [Int32?] { (answer.prompt ?? []).dropFirst().map { $0?.chosen.token } }
        #expect(engine.contextLength == 64)
        #expect(await scored(nil).failure?.code == .contextLengthExceeded)
        #expect(await tokens(scored(PromptTruncation(tokens: 5))) == [136, 137, 138, 139])
        #expect(await tokens(scored(PromptTruncation(tokens: 5, keepsEnd: false))) == [41, 42, 43, 44])
        #expect(await tokens(scored(PromptTruncation(tokens: nil))).count == 63)
        let beside = await scored(PromptTruncation(tokens: nil), maxTokens: 4)
        #expect(beside.usage?.promptTokens == 60 && beside.failure == nil)
    }

    @Test("a prompt is reported without an answer, as the answer's usage counts it, and the tokenizer says what templates need")
    func inspection() async throws {
        let engine = try Self.shared.get().engine
        let request = RealEngine.request("What is the capital of France?", adapter: "math", maxTokens: 1)
        let report = try await engine.prompt(of: request)
        #expect(report.tokens.count == (await engine.answer(request)).usage?.promptTokens)
        #expect(report.text == report.rendered && report.text.hasSuffix("<|im_start|>assistant\n"))
        let cut = GenerationRequest(id: "", prompt: .text("a b c d", addSpecialTokens: false, parseSpecial: true))
        #expect(try await engine.prompt(of: cut).bytes == ["a", " b", " c", " d"].map { Array($0.utf8) })
        await #expect(throws: GenerationError.self) { try await engine.prompt(of: GenerationRequest(id: "", prompt: .tokens([-5]))) }
        let facts = try #require(engine.tokenizer)
        #expect(facts.endOfSequence == "<|im_end|>" && facts.chatTemplate?.contains("messages") == true)
        #expect(facts.vocabularySize == engine.base.tokenizer.vocabularySize)
    }

    private enum KeyValueBlock {
        static var bytes: Int { (try? shared.get().base.decoder.cacheBlockBytes()) ?? 1 }
    }
}
