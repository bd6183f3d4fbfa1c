import Adapters
import Foundation
import Generation
import TestSupport
import Testing

@testable import Inference

/// The engine on the real base model and the adapters of the repository.
@Suite("Engine", .serialized)
struct EngineTests {
    private static let shared = RealEngine.shared

    private func request(
        _ text: String, adapter: String? = nil, maxTokens: Int? = 24, _ change: (inout GenerationRequest) -> Void = { _ in }
    ) -> GenerationRequest { RealEngine.request(text, adapter: adapter, maxTokens: maxTokens, change) }

    private let questions: [(text: String, adapter: String?)] = [
        ("list all files larger than 10 MB under /var", "bash"),
        ("how many rivers run through texas", "sql"),
        ("name[The Punter], food[Italian], priceRange[cheap], area[riverside]", "data2text"),
        ("Tom has 3 apples and buys 4 more. How many apples does he have?", "math"),
        ("What is the capital of France?", nil),
    ]

    @Test("rows of four adapters and the base together give each row's own tokens")
    func mixedBatch() async throws {
        let engine = try Self.shared.get().engine
        var alone: [Answer] = []
        for question in questions {
            alone.append(await engine.answer(request(question.text, adapter: question.adapter)))
        }
        let together = await withTaskGroup(of: (Int, Answer).self) { group in
            for (index, question) in questions.enumerated() {
                group.addTask { (index, await engine.answer(request(question.text, adapter: question.adapter))) }
            }
            return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }
        }
        for (index, answer) in alone.enumerated() {
            #expect(answer.failure == nil)
            #expect(!answer.text.isEmpty)
            #expect(together[index]?.text == answer.text, "\(questions[index].text)")
            #expect(together[index]?.start?.adapter == questions[index].adapter)
        }
        #expect(Set(alone.map(\.text)).count == alone.count)
    }

    @Test("a second turn takes the first one's keys and values from the cache and answers the same")
    func prefixCache() async throws {
        let engine = try Self.shared.get().engine
        let text = "Explain in one sentence what a river delta is, and name one. Seed \(#line)."
        let first = await engine.answer(request(text, adapter: "sql"))
        let second = await engine.answer(request(text, adapter: "sql"))
        #expect(first.usage?.cachedTokens ?? -1 < 32)
        #expect(second.usage?.cachedTokens ?? 0 >= (second.usage?.promptTokens ?? 0) - 17)
        #expect(first.text == second.text)
        let other = await engine.answer(request(text, adapter: "math"))
        #expect(other.usage?.cachedTokens ?? 99 < 32, "another adapter never shares keys and values")
    }

    @Test("an adapter's own chat template goes before the base's, and a broken one is an error with its place")
    func ownTemplate() async throws {
        let fixture = try Self.shared.get()
        let folder = FileManager.default.temporaryDirectory.appending(path: "lmoe-templates-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let templates = ["plain": "{% for m in messages %}Q: {{ m.content }}\nA:{% endfor %}", "broken": "a\n{% if %}"]
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (name, template) in templates {
            let copy = folder.appending(path: name)
            try FileManager.default.copyItem(atPath: "\(fixture.store.folder)/math", toPath: copy.path)
            try template.write(to: copy.appending(path: "chat_template.jinja"), atomically: true, encoding: .utf8)
        }
        let store = AdapterStore(
            folder: folder.path, base: fixture.engine.base.decoder.configuration, budgetBytes: 64 << 20, element: .int8)
        _ = store.rescan()
        let engine = Engine(base: fixture.engine.base, store: store)
        defer { engine.stop() }
        let answer = await engine.answer(request("What is 2 + 2?", adapter: "plain", maxTokens: 4))
        let expected = engine.base.tokenizer.encode("Q: What is 2 + 2?\nA:", addSpecialTokens: false, parseSpecial: true)
        #expect(answer.usage?.promptTokens == expected.count)
        let broken = await engine.answer(request("hi", adapter: "broken", maxTokens: 4))
        #expect(broken.failure?.code == .adapterRejected)
        #expect(broken.failure?.message.contains("line 2") == true, "\(broken.failure?.message ?? "")")
    }

    @Test("a request that ended holds its adapter no longer, though the engine is idle")
    func unpins() async throws {
        let fixture = try Self.shared.get()
        _ = await fixture.engine.answer(request("how many rivers run through ohio", adapter: "sql", maxTokens: 4))
        try await eventually("the adapter is unpinned") { fixture.store.status("sql")?.pins == 0 }
    }

    @Test("a stop string ends the text before it")
    func stops() async throws {
        let engine = try Self.shared.get().engine
        let whole = await engine.answer(request("Why is the sky blue?"))
        let word = try #require(whole.text.split(separator: " ").dropFirst(4).first.map(String.init))
        let cut = await engine.answer(request("Why is the sky blue?") { $0.stop = [word] })
        #expect(!cut.text.contains(word))
        #expect(!cut.text.isEmpty)
        #expect(whole.text.hasPrefix(cut.text))
        #expect(cut.reason == .stop)
    }

    @Test("limits of length: max tokens, the context, an unknown adapter, tokens out of range")
    func refusals() async throws {
        let engine = try Self.shared.get().engine
        let three = await engine.answer(request("Tell me a long story.", maxTokens: 3))
        #expect(three.usage?.completionTokens == 3)
        #expect(three.reason == .length)
        let tooLong = await engine.answer(request("hi", maxTokens: engine.contextLength))
        #expect(tooLong.failure?.code == .contextLengthExceeded)
        let unknown = await engine.answer(request("hi", adapter: "nobody"))
        #expect(unknown.failure?.code == .adapterNotFound)
        let wrong = await engine.answer(request("hi") { $0.prompt = .tokens([1, 49_152]) })
        #expect(wrong.failure?.code == .invalidRequest)
        let bias = await engine.answer(request("hi") { $0.sampling.logitBias = [49_152: 1] })
        #expect(bias.failure?.code == .invalidRequest)
        let empty = await engine.answer(request("hi") { $0.prompt = .text("", addSpecialTokens: false, parseSpecial: false) })
        #expect(empty.failure?.code == .invalidRequest)
    }

    @Test("a cancelled request frees its blocks and lets others go on")
    func cancellation() async throws {
        let engine = try Self.shared.get().engine
        let stream = GenerationStream {}
        engine.submit(request("Count from one to a thousand.", maxTokens: nil) { $0.ignoreEndOfSequence = true }, to: stream)
        let other = await engine.answer(request("What is the capital of France?", maxTokens: 8))
        stream.cancel()
        #expect(other.failure == nil)
        try await eventually("nothing runs") { engine.statistics.activeSequences == 0 }
        #expect(engine.statistics.cancelledRequests >= 1)
    }

    @Test("a request whose time is over finishes with what it has")
    func expiry() async throws {
        let engine = try Self.shared.get().engine
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self)
        let stream = GenerationStream { wake.yield() }
        engine.submit(request("Count from one to a thousand.", maxTokens: nil) { $0.ignoreEndOfSequence = true }, to: stream)
        var answer = Answer()
        wait: for await _ in wakes {
            for event in stream.drain() where answer.take(event) { break wait }
            if answer.text.count > 20 { stream.expire() }
        }
        #expect(answer.failure == nil && answer.reason == .length)
        #expect(answer.text.count > 20)
        let tokens = try #require(answer.usage?.completionTokens)
        #expect(tokens > 0 && tokens < engine.contextLength / 2)
    }

    @Test("log-probabilities come for every token, and the chosen one is the most probable at temperature 0")
    func logprobs() async throws {
        let engine = try Self.shared.get().engine
        let answer = await engine.answer(request("What is the capital of France?", maxTokens: 6) { $0.topLogprobs = 3 })
        #expect(answer.logprobs.count == answer.usage?.completionTokens)
        for token in answer.logprobs {
            #expect(token.top.count == 3)
            #expect(token.top[0].token == token.chosen.token)
            #expect(token.chosen.logprob <= 0)
        }
    }

    @Test("when memory for keys and values runs out, the youngest waits and everyone still gets the same answer")
    func preemption() async throws {
        let fixture = try Self.shared.get()
        var limits = InferenceLimits()
        let block = fixture.engine.base.decoder.makeCache(blocks: 0).blockBytes
        limits.keyValueBytes = 12 * block
        let small = Engine(base: fixture.engine.base, store: fixture.store, limits: limits)
        defer { small.stop() }
        let texts = (0..<4).map { "Write a story about the number \($0)." }
        let answers = await withTaskGroup(of: (Int, Answer).self) { group in
            for (index, text) in texts.enumerated() {
                group.addTask { (index, await small.answer(request(text, maxTokens: 60))) }
            }
            return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }
        }
        #expect(small.statistics.preemptions > 0)
        for (index, text) in texts.enumerated() {
            let alone = await fixture.engine.answer(request(text, maxTokens: 60))
            #expect(answers[index]?.text == alone.text)
        }
    }

    @Test("a full queue refuses, and a drained engine finishes what it has")
    func overloadAndDrain() async throws {
        let fixture = try Self.shared.get()
        var limits = InferenceLimits()
        limits.queuedRequests = 2
        limits.activeSequences = 1
        let engine = Engine(base: fixture.engine.base, store: nil, limits: limits)
        defer { engine.stop() }
        let answers = await withTaskGroup(of: Answer.self) { group in
            for index in 0..<12 { group.addTask { await engine.answer(request("Say \(index).", maxTokens: 4)) } }
            return await group.reduce(into: [Answer]()) { $0.append($1) }
        }
        #expect(answers.contains { $0.failure?.code == .overloaded && $0.failure?.retryAfterSeconds != nil })
        #expect(answers.contains { $0.failure == nil })
        try await eventually("the engine idles") { engine.statistics.activeSequences == 0 }
        let begun = engine.statistics.finishedRequests
        let last = Task { await engine.answer(request("What is the capital of France?", maxTokens: 16)) }
        try await eventually("the last request runs, or has run before anyone looked") {
            engine.statistics.activeSequences > 0 || engine.statistics.finishedRequests > begun
        }
        await withCheckedContinuation { done in engine.drain { done.resume() } }
        #expect(engine.statistics.activeSequences == 0)
        #expect(await last.value.failure == nil)
        #expect(await engine.answer(request("hi")).failure?.code == .draining)
    }
}
