import Foundation
import Generation
import Models
import Synchronization
import TestSupport
import Testing

@testable import Inference

/// Log-probabilities of prompts, on the real base model and its adapters.
@Suite("Log-probabilities of prompts", .serialized)
struct PromptScoresTests {
    private static let shared = RealEngine.shared
    private let text = """
        The delta of a river forms where it slows down and drops the sand and clay that it carries. The Nile, the Mississippi and the
        Ganges all have one. "Δ" is the letter that gave it its name, in the fifth century before our era.
        """

    private func request(
        _ tokens: [Int32], adapter: String? = nil, maxTokens: Int = 0, top: Int? = nil, prompt: Int? = nil
    ) -> GenerationRequest {
        var request = GenerationRequest(
            id: "scores", prompt: .tokens(tokens), adapter: adapter, sampling: .greedy, maxTokens: maxTokens, topLogprobs: top)
        request.promptLogprobs = prompt
        return request
    }

    /// Of each token: ids and bits.
    private func bits(_ entries: [TokenLogprob?]) -> [[UInt32]] {
        entries.map { entry in
            guard let entry else { return [] }
            return ([entry.chosen] + entry.top).flatMap { [UInt32(bitPattern: $0.token), $0.logprob.bitPattern] }
        }
    }

    @Test("each token has the log-probability that a request reports whose prompt ends before it", arguments: [nil, "bash"])
    func equalsDecoding(adapter: String?) async throws {
        let engine = try Self.shared.get().engine
        let prompt = engine.base.tokenizer.encode(text, addSpecialTokens: true, parseSpecial: true)
        // What the model writes is likely: its log-probabilities are among those that decoding reports.
        let written = await engine.answer(request(prompt, adapter: adapter, maxTokens: 40, top: 5))
        #expect(written.logprobs.count == 40 && written.prompt == nil)
        let whole = prompt + written.logprobs.map(\.chosen.token)
        let scored = await engine.answer(request(whole, adapter: adapter, prompt: 5))
        let entries = try #require(scored.prompt)
        #expect(entries.count == whole.count && entries[0] == nil)
        #expect(bits(Array(entries[prompt.count...])) == bits(written.logprobs))
        #expect(entries.dropFirst().allSatisfy { $0.map { $0.rank ?? 0 >= 1 && $0.chosen.logprob < 0 } ?? false })
        for place in [1, 2, 16, 17, 33, prompt.count - 1] {
            let before = await engine.answer(request(Array(prompt[..<place]), adapter: adapter, maxTokens: 1, top: 5))
            let entry = try #require(entries[place])
            #expect(bits([entry])[0].dropFirst(2) == bits(before.logprobs)[0].dropFirst(2), "alternatives at \(place)")
            #expect(entry.chosen.token == prompt[place])
            if let rank = entry.rank, rank <= 5 { #expect(entry.chosen.logprob == entry.top[rank - 1].logprob) }
        }
    }

    @Test("a long prompt's log-probabilities have the same bits however it is cut into steps, and beside other requests")
    func sameBits() async throws {
        let fixture = try Self.shared.get()
        let tokenizer = fixture.base.tokenizer
        let prompt = tokenizer.encode(String(repeating: text, count: 5), addSpecialTokens: true, parseSpecial: true)
        #expect(prompt.count > 256)
        let expected = try #require(await fixture.engine.answer(request(prompt, adapter: "sql", prompt: 2)).prompt)
        for scoredRows in [1, 7, 64] {
            let most = Mutex(0)
            var limits = InferenceLimits()
            limits.scoredRows = scoredRows
            limits.activeSequences = 8
            let engine = try Engine(
                base: fixture.base, store: fixture.store, limits: limits, observer: { batch in most.withLock { $0 = max($0, batch.logitsRows) } })
            defer { engine.stop() }
            let answers = await withTaskGroup(of: [TokenLogprob?]?.self) { group in
                for index in 0..<3 {
                    group.addTask { await engine.answer(request(prompt, adapter: "sql", prompt: 2)).prompt }
                    group.addTask { _ = await engine.answer(RealEngine.request("Say \(index).", adapter: "bash")); return nil }
                }
                return await group.reduce(into: [[TokenLogprob?]]()) { all, one in if let one { all.append(one) } }
            }
            #expect(answers.count == 3)
            for answer in answers { #expect(bits(answer) == bits(expected), "\(scoredRows) rows") }
            #expect(most.withLock { $0 } <= scoredRows + limits.logitsRows)
        }
    }

    @Test("a scored prompt takes nothing from the cache, and later prompts take from it what they take from any")
    func cache() async throws {
        let fixture = try Self.shared.get()
        let engine = try fixture.engine { _ in }
        defer { engine.stop() }
        let prompt = engine.base.tokenizer.encode(text + " Line \(#line).", addSpecialTokens: true, parseSpecial: true)
        let first = await engine.answer(request(prompt, prompt: 0))
        let second = await engine.answer(request(prompt, prompt: 0))
        #expect(first.usage?.cachedTokens == 0 && second.usage?.cachedTokens == 0)
        #expect(bits(first.prompt ?? []) == bits(second.prompt ?? []))
        let plain = await engine.answer(request(prompt, maxTokens: 4))
        #expect(plain.usage?.cachedTokens ?? 0 >= prompt.count - 17 && plain.prompt == nil)
    }

    @Test("sequences that give way while they are scored are scored the same")
    func preemption() async throws {
        let fixture = try Self.shared.get()
        let block = fixture.base.decoder.cacheBlockBytes()
        let small = try fixture.engine {
            $0.keyValueBytes = 24 * block
            $0.scoredRows = 16
        }
        defer { small.stop() }
        let prompts = (0..<4).map {
            fixture.base.tokenizer.encode("\($0). " + String(repeating: text, count: 2), addSpecialTokens: true, parseSpecial: true)
        }
        let answers = await withTaskGroup(of: (Int, Answer).self) { group in
            for (index, prompt) in prompts.enumerated() {
                group.addTask { (index, await small.answer(request(prompt, maxTokens: 150, top: 0, prompt: 1))) }
            }
            return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }
        }
        #expect(small.statistics.preemptions > 0)
        for (index, prompt) in prompts.enumerated() {
            let alone = await fixture.engine.answer(request(prompt, maxTokens: 150, top: 0, prompt: 1))
            #expect(alone.prompt?.count == prompt.count)
            #expect(bits(answers[index]?.prompt ?? []) == bits(alone.prompt ?? []))
            #expect(bits(answers[index]?.logprobs ?? []) == bits(alone.logprobs))
        }
    }

    @Test("without an answer the prompt may fill the context, nothing is generated, and the usage says so")
    func noAnswer() async throws {
        let fixture = try Self.shared.get()
        let engine = try fixture.engine { $0.keyValueBytes = 8 * fixture.base.decoder.cacheBlockBytes() }
        defer { engine.stop() }
        let full = [Int32](repeating: 45, count: engine.contextLength)
        for prompt in [nil, 0] {
            let answer = await engine.answer(request(full, top: 1, prompt: prompt))
            #expect(answer.failure == nil && answer.text.isEmpty && answer.logprobs.isEmpty)
            #expect(answer.reason == .length && answer.prompt?.count == prompt.map { _ in full.count })
            #expect(answer.usage == GenerationUsage(promptTokens: full.count, cachedTokens: answer.usage?.cachedTokens ?? 0, completionTokens: 0))
        }
        #expect(await engine.answer(request(full + [45])).failure?.code == .contextLengthExceeded)
        #expect(await engine.answer(request(full, maxTokens: 1)).failure?.code == .contextLengthExceeded)
        var reported = request([45, 46, 47], maxTokens: 1)
        reported.reportsPrompt = true
        let report = try #require(await engine.answer(reported).report)
        #expect(report.tokens == [45, 46, 47] && report.logprobs.isEmpty)
        #expect(report.text == engine.base.tokenizer.decode([45, 46, 47], skipSpecialTokens: false))
        let one = await engine.answer(request([45], prompt: 3))
        #expect(one.prompt?.count == 1 && one.prompt?[0] == nil)
        let many = await engine.answer(request([45, 46], prompt: 21))
        #expect(many.failure?.code == .invalidRequest && many.failure?.field == "prompt_logprobs")
    }
}
