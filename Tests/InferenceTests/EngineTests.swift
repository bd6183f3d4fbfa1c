import Adapters
import Foundation
import Generation
import Synchronization
import Tensors
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
        let fixture = try Self.shared.get()
        let most = Mutex(0)
        let engine = try Engine(base: fixture.base, store: fixture.store, observer: { batch in
            let deltas = Set(batch.runs.map { $0.delta.map(ObjectIdentifier.init) })
            most.withLock { $0 = max($0, deltas.count) }
        })
        defer { engine.stop() }
        var alone: [Answer] = []
        for question in questions {
            alone.append(await engine.answer(request(question.text, adapter: question.adapter)))
        }
        #expect(most.withLock { $0 } == 1)
        let together = await withTaskGroup(of: (Int, Answer).self) { group in
            for (index, question) in questions.enumerated() {
                group.addTask { (index, await engine.answer(request(question.text, adapter: question.adapter))) }
            }
            return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }
        }
        #expect(most.withLock { $0 } >= 3, "rows of different adapters shared a step")
        for (index, answer) in alone.enumerated() {
            #expect(answer.failure == nil)
            #expect(!answer.text.isEmpty)
            #expect(together[index]?.text == answer.text, "\(questions[index].text)")
            #expect(together[index]?.start?.adapter == questions[index].adapter)
        }
        #expect(Set(alone.map(\.text)).count == alone.count)
    }

    @Test("sequences of one adapter lie side by side in a step, whatever the order of their arrival")
    func sideBySide() async throws {
        let fixture = try Self.shared.get()
        let most = Mutex(0)
        let scattered = Mutex(0)
        let engine = try Engine(base: fixture.base, store: fixture.store, observer: { batch in
            var spans: [ObjectIdentifier?] = []
            for run in batch.runs {
                let delta = run.delta.map(ObjectIdentifier.init)
                if spans.last != .some(delta) { spans.append(delta) }
            }
            most.withLock { $0 = max($0, batch.runs.count - spans.count) }
            scattered.withLock { $0 += spans.count - Set(spans).count }
        })
        defer { engine.stop() }
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<9 {
                let adapter = ["bash", "sql", nil][index % 3]
                group.addTask { _ = await engine.answer(request("Say the number \(index).", adapter: adapter) { $0.ignoreEndOfSequence = true }) }
            }
        }
        #expect(most.withLock { $0 } >= 3, "several sequences of one adapter shared a step")
        #expect(scattered.withLock { $0 } == 0)
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
        let engine = try Engine(base: fixture.engine.base, store: store)
        defer { engine.stop() }
        let answer = await engine.answer(request("What is 2 + 2?", adapter: "plain", maxTokens: 4))
        let expected = engine.base.tokenizer.encode("Q: What is 2 + 2?\nA:", addSpecialTokens: false, parseSpecial: true)
        #expect(answer.usage?.promptTokens == expected.count)
        let broken = await engine.answer(request("hi", adapter: "broken", maxTokens: 4))
        #expect(broken.failure?.code == .adapterRejected)
        #expect(broken.failure?.message.contains("line 2") == true, "\(broken.failure?.message ?? "")")
    }

    @Test("an adapter's own tokens end its answers and go into its templates, of which the one for tools is used with tools")
    func ownTokens() async throws {
        let fixture = try Self.shared.get()
        let folder = FileManager.default.temporaryDirectory.appending(path: "lmoe-tokens-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let copy = folder.appending(path: "own")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: "\(fixture.store.folder)/math", toPath: copy.path)
        let text = "{% for m in messages %}Q: {{ m.content }}\\nA:{% endfor %}"
        // By which the template is known to show tools.
        let calls = "{% for m in messages %}{% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}{% endfor %}"
        let config = """
            {"eos_token": ".", "bos_token": {"content": "<|im_start|>"}, "chat_template": [{"name": "default", "template": "\(text)"},
             {"name": "tool_use", "template": "{{ bos_token }}{{ eos_token }}{% for t in tools %}{{ t.function.name }}{% endfor %}\(calls)"}]}
            """
        try config.write(to: copy.appending(path: "tokenizer_config.json"), atomically: true, encoding: .utf8)
        let store = AdapterStore(
            folder: folder.path, base: fixture.base.decoder.configuration, budgetBytes: 64 << 20, element: .int8)
        _ = store.rescan()
        let engine = try Engine(base: fixture.base, store: store)
        defer { engine.stop() }
        // The full stop is forced by its bias, and ends the answer as the adapter's own end.
        let stop = try #require(fixture.base.tokenizer.token("."))
        let answer = await engine.answer(request("hi", adapter: "own", maxTokens: 9) { $0.sampling.logitBias = [stop: 100] })
        #expect(answer.reason == .stop && answer.usage?.completionTokens == 1 && answer.text == "")
        let goesOn = await engine.answer(
            request("hi", adapter: "own", maxTokens: 9) {
                $0.sampling.logitBias = [stop: 100]
                $0.ignoreEndOfSequence = true
            })
        #expect(goesOn.usage?.completionTokens == 9)
        let tools = await engine.answer(
            request("hi", adapter: "own", maxTokens: 1) { $0.prompt = .chat([ChatMessage(role: "user", content: "hi")], tools: [ToolFunction(name: "f"), ToolFunction(name: "g")]) })
        let expected = fixture.base.tokenizer.encode("<|im_start|>.fg", addSpecialTokens: false, parseSpecial: true)
        #expect(tools.failure == nil)
        #expect(tools.usage?.promptTokens == expected.count)
    }

    @Test("a request that ended holds its adapter no longer, though the engine is idle")
    func unpins() async throws {
        let fixture = try Self.shared.get()
        _ = await fixture.engine.answer(request("how many rivers run through ohio", adapter: "sql", maxTokens: 4))
        try await eventually("the adapter is unpinned") { fixture.store.status("sql")?.pins == 0 }
    }

    @Test("a model file that another process truncates fails the requests, not the process")
    func truncatedModel() async throws {
        let folder = try TemporaryFolder()
        let path = folder.place("base.gguf")
        try FileManager.default.copyItem(atPath: Checkout.model("base.gguf"), toPath: path)
        let base = try BaseModel.open(path, precision: .reference, pool: WorkerPool(threads: 2))
        let engine = try Engine(base: base, store: nil)
        defer { engine.stop() }
        #expect(engine.status.health == .ready)
        #expect(truncate(path, 1 << 20) == 0)
        for _ in 0..<2 {
            let answer = await engine.answer(request("hi", maxTokens: 2))
            #expect(answer.failure?.code == .internalFailure)
            #expect(answer.failure?.message.contains("became shorter") == true)
        }
        guard case .unavailable = engine.status.health else {
            Issue.record("a damaged model is not ready")
            return
        }
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
        #expect(
            tooLong.failure?.message.hasPrefix("This model's maximum context length is \(engine.contextLength) tokens. However, you requested ")
                == true, "\(tooLong.failure?.message ?? "")")
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

    @Test("when memory for keys and values runs out, sequences give way and everyone still gets the same answer")
    func preemption() async throws {
        let fixture = try Self.shared.get()
        var limits = InferenceLimits()
        let block = fixture.engine.base.decoder.cacheBlockBytes()
        limits.keyValueBytes = 20 * block
        let small = try Engine(base: fixture.engine.base, store: fixture.store, limits: limits)
        defer { small.stop() }
        let texts = (0..<4).map { "Write a story about the number \($0)." }
        let answers = await withTaskGroup(of: (Int, Answer).self) { group in
            for (index, text) in texts.enumerated() {
                group.addTask { (index, await small.answer(request(text, maxTokens: 200))) }
            }
            return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }
        }
        #expect(small.statistics.preemptions > 0)
        #expect(small.statistics.recomputedTokens > 0)
        let figure = small.status.figures.first { $0.name == "recomputed_tokens" }
        #expect(figure?.value == Double(small.statistics.recomputedTokens))
        for (index, text) in texts.enumerated() {
            let alone = await fixture.engine.answer(request(text, maxTokens: 200))
            #expect(answers[index]?.text == alone.text)
        }
    }

    @Test("a full queue refuses, and a drained engine finishes what it has")
    func overloadAndDrain() async throws {
        let fixture = try Self.shared.get()
        var limits = InferenceLimits()
        limits.queuedRequests = 2
        limits.activeSequences = 1
        let engine = try Engine(base: fixture.engine.base, store: nil, limits: limits)
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

    @Test("what the system said of an adapter's files is for the log")
    func loadingErrors() {
        let secret = "/srv/secret/sql/adapter_config.json: cannot open: Permission denied"
        for (code, told) in [(AdapterError.Code.io, GenerationError.Code.adapterRejected), (.unavailable, .overloaded)] {
            let error = GenerationError(loading: "sql", AdapterError(code, secret), retryAfterSeconds: 3)
            #expect(error.code == told && error.message.contains("`sql`") && !error.message.contains("secret"))
            #expect(error.cause?.contains(secret) == true && error.description.contains(secret))
            #expect(error.retryAfterSeconds == (told == .overloaded ? 3 : nil))
        }
        let malformed = GenerationError(loading: "sql", AdapterError(.malformed, "r is 0", adapter: "sql"), retryAfterSeconds: 3)
        #expect(malformed.code == .adapterRejected && malformed.message.contains("r is 0") && malformed.cause == nil)
    }

    @Test("a slot and a queue of two answer three of ten requests at once")
    func queueBound() async throws {
        let fixture = try Self.shared.get()
        var limits = InferenceLimits()
        (limits.activeSequences, limits.queuedRequests) = (1, 2)
        let engine = try Engine(base: fixture.base, store: nil, limits: limits)
        defer { engine.stop() }
        let streams = (0..<10).map { _ in GenerationStream {} }
        for stream in streams { engine.submit(request("Say a word.", maxTokens: 400) { $0.ignoreEndOfSequence = true }, to: stream) }
        let refused = streams.count { stream in
            stream.drain().contains { if case .failed(let error) = $0 { error.code == .overloaded } else { false } }
        }
        #expect(refused == 7)
        for stream in streams { stream.cancel() }
        await engine.settle()
    }

    @Test("requests that outlive the drain fail with draining: those that run, that wait and that were not prepared yet")
    func stopFailsAll() async throws {
        let fixture = try Self.shared.get()
        var limits = InferenceLimits()
        (limits.activeSequences, limits.preparedRequests) = (2, 2)
        let engine = try Engine(base: fixture.base, store: nil, limits: limits)
        let streams = (0..<12).map { _ in GenerationStream(capacity: 10_000) {} }
        for stream in streams { engine.submit(request("Count.", maxTokens: 4000) { $0.ignoreEndOfSequence = true }, to: stream) }
        try await eventually("two run") { engine.statistics.activeSequences == 2 }
        await withCheckedContinuation { done in engine.stop { done.resume() } }
        for stream in streams {
            let events = stream.drain()
            guard case .failed(let error) = events.last else {
                Issue.record("no last event")
                continue
            }
            #expect(error.code == .draining)
        }
        #expect(engine.statistics.activeSequences == 0 && engine.statistics.queuedRequests == 0)
        #expect(engine.statistics.failedRequests == 12)
        await withCheckedContinuation { done in engine.stop { done.resume() } }
    }

    @Test("an answer without max_tokens ends at the default, with the reason length")
    func defaultAnswer() async throws {
        let fixture = try Self.shared.get()
        #expect(fixture.engine.defaultAnswerTokens == fixture.engine.statistics.keyValueBlocks * 16 / 4)
        var limits = InferenceLimits()
        limits.defaultAnswerTokens = 20
        let engine = try Engine(base: fixture.base, store: nil, limits: limits)
        defer { engine.stop() }
        let answer = await engine.answer(request("Count.", maxTokens: nil) { $0.ignoreEndOfSequence = true })
        #expect(answer.usage?.completionTokens == 20 && answer.reason == .length)
        let longer = await engine.answer(request("Count.", maxTokens: 30) { $0.ignoreEndOfSequence = true })
        #expect(longer.usage?.completionTokens == 30)
    }

    @Test("a cache partition shares nothing with another one, nor with requests that have none")
    func partitions() async throws {
        let engine = try Self.shared.get().engine
        let text = "Name a planet and say how far it is from the sun. Then name another one. Seed \(#line)."
        func cached(_ partition: String?) async -> Int {
            await engine.answer(request(text, maxTokens: 4) { $0.cachePartition = partition }).usage?.cachedTokens ?? -1
        }
        #expect(await cached("a") == 0)
        #expect(await cached("b") == 0)
        #expect(await cached("a") >= 16)
        // The template's own beginning may have been cached by other tests.
        #expect(await cached(nil) <= 16)
    }
}
