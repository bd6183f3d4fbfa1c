import Generation
import Testing

@testable import Inference

extension EngineTests {
    /// Several draft tokens in a step must change nothing but the time: the real model, with and without.
    @Suite("Speculative decoding") struct SpeculativeDecoding {
        private static let code = """
            Repeat this code exactly, with `total` renamed to `sum`:
            def mean(values):
                total = 0
                for value in values:
                    total = total + value
                return total / len(values)

            def mean_of_squares(values):
                total = 0
                for value in values:
                    total = total + value * value
                return total / len(values)
            """

        private func same(
            _ name: String, _ requests: [GenerationRequest], expectsGain: Bool = true,
            constraints: @escaping ConstraintSource = { _, _ in nil }, limits change: (inout InferenceLimits) -> Void = { _ in }
        ) async throws {
            let fixture = try RealEngine.shared.get()
            var all: [[Answer]] = []
            for speculates in [false, true] {
                var limits = InferenceLimits()
                change(&limits)
                limits.speculates = speculates
                let engine = try Engine(base: fixture.base, store: fixture.store, limits: limits, constraints: constraints)
                defer { engine.stop() }
                all.append(
                    await withTaskGroup(of: (Int, Answer).self) { group in
                        for (index, request) in requests.enumerated() { group.addTask { (index, await engine.answer(request)) } }
                        return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }.sorted { $0.key < $1.key }.map(\.value)
                    })
                let statistics = engine.statistics
                #expect(speculates || statistics.proposedTokens == 0)
                #expect(!speculates || !expectsGain || statistics.acceptedTokens > 0, "\(name)")
                #expect(statistics.acceptedTokens <= statistics.proposedTokens)
            }
            for (without, with) in zip(all[0], all[1]) {
                #expect(without.failure == nil)
                #expect(without.text == with.text, "\(name)")
                #expect(without.reason == with.reason, "\(name)")
                #expect(without.usage?.completionTokens == with.usage?.completionTokens, "\(name)")
                #expect(without.logprobs.map(\.chosen.token) == with.logprobs.map(\.chosen.token), "\(name)")
                #expect(without.logprobs.map(\.chosen.logprob) == with.logprobs.map(\.chosen.logprob), "\(name)")
            }
        }

        @Test("greedy, sampled, penalised, biased, with log-probabilities: the same tokens to the bit")
        func exact() async throws {
            func request(_ name: String, _ change: (inout GenerationRequest) -> Void) -> (String, GenerationRequest) {
                (name, RealEngine.request(Self.code, maxTokens: 120, change))
            }
            let cases = [
                request("greedy") { _ in },
                request("log-probabilities") { $0.topLogprobs = 2 },
                request("sampled") { request in
                    request.sampling.temperature = 0.3
                    request.sampling.topP = 0.95
                    request.sampling.seed = 11
                },
                request("frequency penalty") { request in
                    request.sampling.frequencyPenalty = 0.05
                    request.topLogprobs = 0
                },
                request("repetition penalty and bias") { request in
                    request.sampling.repetitionPenalty = 1.02
                    request.sampling.logitBias = [30: 2]
                },
                request("an adapter") { $0.adapter = "math" },
                request("no end") { $0.ignoreEndOfSequence = true },
            ]
            for (name, request) in cases { try await same(name, [request], expectsGain: name == "greedy" || name == "no end") }
        }

        /// Never the same token twice in a row, and every seventh token a full stop: forbids some of what a lookup drafts.
        private struct Pattern: TokenConstraint {
            let stop: Int32
            var count = 0
            var last: Int32 = -1

            private var isDue: Bool { count % 7 == 6 }
            func mask(_ logits: UnsafeMutableBufferPointer<Float>) {
                for index in logits.indices where !allows(Int32(index)) { logits[index] = -.infinity }
            }
            func allows(_ token: Int32) -> Bool { isDue ? token == stop : token != last && token != stop }
            mutating func accept(_ token: Int32) {
                count += 1
                last = token
            }
        }

        @Test("a constraint is obeyed by every token, with and without speculation, and gives the same tokens")
        func constrained() async throws {
            let base = try RealEngine.shared.get().base
            let stop = try #require(base.tokenizer.token("."))
            var sampled = RealEngine.request(Self.code, maxTokens: 80) { $0.topLogprobs = 0 }
            sampled.ignoreEndOfSequence = true
            var greedy = sampled
            (sampled.sampling.temperature, sampled.sampling.seed) = (0.5, 5)
            greedy.sampling.frequencyPenalty = 0.02
            try await same("constrained", [greedy, sampled], expectsGain: true, constraints: { _, _ in Pattern(stop: stop) })
            let engine = try Engine(base: base, store: nil, constraints: { _, _ in Pattern(stop: stop) })
            defer { engine.stop() }
            let tokens = await engine.answer(greedy).logprobs.map(\.chosen.token)
            #expect(tokens.count == 80)
            for (index, token) in tokens.enumerated() {
                #expect((token == stop) == (index % 7 == 6))
                #expect(index == 0 || token != tokens[index - 1])
            }
        }

        @Test("stop strings and token limits cut where they would without, at every length")
        func limits() async throws {
            try await same("stop", [RealEngine.request(Self.code, maxTokens: 120) { $0.stop = ["squares(", "len(values)\n\n"] }], expectsGain: false)
            for count in [1, 2, 30, 31, 33, 38] {
                try await same("\(count) tokens", [RealEngine.request(Self.code, maxTokens: count)], expectsGain: false)
            }
        }

        @Test("several sequences at once, with little memory, and a prompt that repeats one token")
        func together() async throws {
            let requests =
                (0..<4).map { index in RealEngine.request("\(index). \(Self.code)", adapter: index == 1 ? "bash" : nil, maxTokens: 60) }
                + [RealEngine.request("", maxTokens: 60) { $0.prompt = .tokens([Int32](repeating: 1234, count: 40)) }]
            try await same("five", requests)
            let block = try RealEngine.shared.get().base.decoder.cacheBlockBytes()
            try await same("five, 20 blocks", requests, expectsGain: false, limits: { $0.keyValueBytes = 20 * block })
        }

        @Test("the next turn never meets keys and values of tokens that were drafted wrongly")
        func cache() async throws {
            let fixture = try RealEngine.shared.get()
            var texts: [String] = []
            for speculates in [false, true] {
                let engine = try fixture.engine { $0.speculates = speculates }
                defer { engine.stop() }
                let question = ChatMessage(role: "user", content: Self.code)
                let first = await engine.answer(RealEngine.request("", maxTokens: 100) { $0.prompt = .chat([question], tools: []) })
                let turns = [
                    question, ChatMessage(role: "assistant", content: first.text),
                    ChatMessage(role: "user", content: "Now explain it."),
                ]
                let second = await engine.answer(RealEngine.request("", maxTokens: 40) { $0.prompt = .chat(turns, tools: []) })
                #expect(second.usage?.cachedTokens ?? 0 > 100)
                texts += [first.text, second.text]
            }
            #expect(texts[0] == texts[2] && texts[1] == texts[3])
        }
    }
}
