import Adapters
import Foundation
import Generation
import Synchronization
import TestSupport
import Testing

@testable import Inference

extension EngineTests {
    /// What several requests at once do to each other, on the real model.
    @Suite("Scheduling") struct Scheduling {
        private func together(_ engine: Engine, _ requests: [GenerationRequest]) async -> [Answer] {
            await withTaskGroup(of: (Int, Answer).self) { group in
                for (index, request) in requests.enumerated() { group.addTask { (index, await engine.answer(request)) } }
                return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }.sorted { $0.key < $1.key }.map(\.value)
            }
        }

        @Test("the next turn of a conversation takes the last answer's keys and values, too")
        func nextTurn() async throws {
            let engine = try RealEngine.shared.get().engine
            let question = ChatMessage(role: "user", content: "Name five rivers of Europe and say where each one begins.")
            let first = await engine.answer(RealEngine.request("", maxTokens: 90) { $0.prompt = .chat([question], tools: []) })
            let turns = [
                question, ChatMessage(role: "assistant", content: first.text),
                ChatMessage(role: "user", content: "Which of them is the longest?"),
            ]
            let second = await engine.answer(RealEngine.request("", maxTokens: 8) { $0.prompt = .chat(turns, tools: []) })
            let known = (first.usage?.promptTokens ?? 0) + (first.usage?.completionTokens ?? 0)
            #expect(first.usage?.completionTokens ?? 0 > 40)
            #expect(second.usage?.cachedTokens ?? 0 >= known - 2 * 16, "of \(known) tokens")
            let other = await engine.answer(
                RealEngine.request("", adapter: "bash", maxTokens: 8) { $0.prompt = .chat(turns, tools: []) })
            #expect(other.usage?.cachedTokens ?? 99 <= 16, "another adapter's keys and values are not its own")
        }

        @Test("equal prompts at once are computed once, and answer alike")
        func equalPrompts() async throws {
            let fixture = try RealEngine.shared.get()
            let engine = try fixture.engine { _ in }
            defer { engine.stop() }
            let text = "Explain how a lock on a canal lifts a ship, step by step, and why no pump is needed for it at all, ever."
            let answers = await together(engine, (0..<6).map { _ in RealEngine.request(text, maxTokens: 10) })
            #expect(Set(answers.map(\.text)).count == 1)
            let prompt = answers[0].usage?.promptTokens ?? 0
            let shared = (prompt - 1) / 16 * 16
            #expect(shared > 16)
            // Whoever arrived before the first one's step was done waited for it.
            #expect(answers.filter { $0.usage?.cachedTokens == shared }.count >= 4)
            #expect(engine.statistics.cachedTokens >= 4 * shared)
        }

        @Test("a flood for one adapter lets a request for another through")
        func fairness() async throws {
            let fixture = try RealEngine.shared.get()
            let engine = try fixture.engine { limits in
                limits.activeSequences = 2
                limits.preparedRequests = 2
            }
            defer { engine.stop() }
            let done = Mutex<[String]>([])
            let (ends, end) = AsyncStream.makeStream(of: Void.self)
            func submit(_ name: String, _ adapter: String) {
                let taken = Mutex(Answer())
                let box = StreamBox()
                let stream = GenerationStream {
                    guard let stream = box.stream.withLock({ $0 }) else { return }
                    for event in stream.drain() where taken.withLock({ $0.take(event) }) {
                        done.withLock { $0.append(name) }
                        end.yield()
                    }
                }
                box.stream.withLock { $0 = stream }
                engine.submit(RealEngine.request("\(name): count to ten.", adapter: adapter, maxTokens: 12), to: stream)
            }
            for index in 0..<20 { submit("flood \(index)", "bash") }
            submit("other", "sql")
            var count = 0
            for await _ in ends {
                count += 1
                if count == 21 { break }
            }
            let place = done.withLock { $0.firstIndex(of: "other") }
            #expect(place ?? 99 < 12, "in the order of arrival it would be the last of 21")
        }

        @Test("requests that wait hold few adapters")
        func pinned() async throws {
            let fixture = try RealEngine.shared.get()
            let engine = try fixture.engine { limits in
                limits.activeSequences = 1
                limits.preparedRequests = 1
            }
            defer { engine.stop() }
            let most = Mutex(0)
            let requests = ["bash", "sql", "math", "data2text"].map { RealEngine.request("Say a word.", adapter: $0, maxTokens: 6) }
            async let answers = together(engine, requests)
            try await eventually("all four are finished") {
                let pinned = fixture.store.counters.pinnedAdapters
                most.withLock { $0 = max($0, pinned) }
                return engine.statistics.finishedRequests == 4
            }
            #expect(await answers.allSatisfy { $0.failure == nil })
            // One that runs, one that is prepared, and one whose end is on its way.
            #expect(most.withLock { $0 } <= 3)
        }

        @Test("a queue full of requests whose clients left takes new ones")
        func cancelledInQueue() async throws {
            let fixture = try RealEngine.shared.get()
            let engine = try fixture.engine { limits in
                limits.activeSequences = 1
                limits.preparedRequests = 1
                limits.queuedRequests = 6
            }
            defer { engine.stop() }
            let long = GenerationStream {}
            engine.submit(RealEngine.request("Count.", maxTokens: nil) { $0.ignoreEndOfSequence = true }, to: long)
            try await eventually("the long answer runs") { engine.statistics.activeSequences > 0 }
            let left = (0..<6).map { _ in GenerationStream {} }
            for stream in left { engine.submit(RealEngine.request("Say a word."), to: stream) }
            let refused = await engine.answer(RealEngine.request("Say a word."))
            #expect(refused.failure?.code == .overloaded)
            for stream in left { stream.cancel() }
            async let answer = engine.answer(RealEngine.request("Say a word.", maxTokens: 2))
            try await Task.sleep(for: .milliseconds(30))
            long.cancel()
            #expect(await answer.failure == nil)
            await engine.settle()
        }

        @Test("short requests do not wait for endless ones when the memory is full, and all get the tokens that they get alone")
        func fullMemory() async throws {
            let fixture = try RealEngine.shared.get()
            let block = fixture.base.decoder.cacheBlockBytes()
            let engine = try fixture.engine { limits in
                limits.keyValueBytes = 100 * block
                limits.defaultAnswerTokens = 100_000
            }
            defer { engine.stop() }
            func short(_ index: Int) -> GenerationRequest { RealEngine.request("Say the number \(index).", maxTokens: 8) }
            let endless = (0..<3).map { _ in GenerationStream(capacity: 100_000) {} }
            for (index, stream) in endless.enumerated() {
                engine.submit(RealEngine.request("Count from \(index).", maxTokens: nil) { $0.ignoreEndOfSequence = true }, to: stream)
            }
            try await eventually("the memory is full") { engine.statistics.preemptions > 0 }
            let answers = await together(engine, (0..<16).map(short))
            // Each endless one needs a thousand steps more.
            try await eventually("the short ones are counted") { engine.statistics.finishedRequests >= 16 }
            #expect(endless.allSatisfy { !$0.hasEnded })
            for stream in endless { stream.cancel() }
            await engine.settle()
            let alone = await together(fixture.engine, (0..<16).map(short))
            #expect(answers.allSatisfy { $0.failure == nil } && answers.map(\.text) == alone.map(\.text))
        }

        @Test("a reader that stops reading on every slot holds up no other request, and goes on later with the same text")
        func stuckReaders() async throws {
            let fixture = try RealEngine.shared.get()
            let engine = try fixture.engine { $0.activeSequences = 2 }
            defer { engine.stop() }
            let request = RealEngine.request("Count from one to a hundred.", maxTokens: 60) { $0.ignoreEndOfSequence = true }
            let stuck = (0..<2).map { _ in GenerationStream(capacity: 8) {} }
            for stream in stuck { engine.submit(request, to: stream) }
            try await eventually("both readers are behind") { stuck.allSatisfy(\.isSaturated) }
            let other = await engine.answer(RealEngine.request("What is the capital of France?", maxTokens: 8))
            #expect(other.failure == nil && other.usage?.completionTokens ?? 0 > 0)
            var texts: [Answer] = [Answer(), Answer()]
            var ended = [false, false]
            try await eventually("the slow readers get their ends") {
                for index in stuck.indices { for event in stuck[index].drain() where texts[index].take(event) { ended[index] = true } }
                return ended == [true, true]
            }
            let alone = await fixture.engine.answer(request)
            #expect(texts.allSatisfy { $0.text == alone.text && $0.usage?.completionTokens == 60 })
        }

        @Test("a long prompt is read in pieces while others' tokens go on")
        func longPrompt() async throws {
            let fixture = try RealEngine.shared.get()
            let engine = try fixture.engine { _ in }
            defer { engine.stop() }
            let stream = GenerationStream(capacity: 4096) {}
            engine.submit(RealEngine.request("Count.", maxTokens: 4_000) { $0.ignoreEndOfSequence = true }, to: stream)
            try await eventually("the long answer runs") { engine.statistics.activeSequences > 0 }
            let tokens = (0..<3000).map { Int32(100 + $0 * 37 % 40_000) }
            let long = await engine.answer(RealEngine.request("", maxTokens: 1) { $0.prompt = .tokens(tokens) })
            #expect(long.failure == nil)
            let deltas = stream.drain().filter { if case .delta = $0 { true } else { false } }
            // A step a piece, and a token for the stream in each.
            #expect(deltas.count >= 3000 / engine.limits.maximumRows)
            stream.cancel()
            await engine.settle()
        }
    }
}

/// A stream that its own wake-up can see.
private final class StreamBox: Sendable {
    let stream = Mutex<GenerationStream?>(nil)
}
