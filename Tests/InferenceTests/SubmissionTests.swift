import Adapters
import Foundation
import Generation
import Synchronization
import TestSupport
import Testing

@testable import Inference

/// The sequences of one prompt: one version of one adapter answers all, and a prompt that falls back keeps its places in the queue.
@Suite("Submission", .serialized)
struct SubmissionTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// A copy of an adapter, and an engine that serves it.
    private struct Rig {
        let folder: TemporaryFolder
        let store: AdapterStore
        let engine: Engine

        init(_ adapter: String, change: (inout InferenceLimits) -> Void = { _ in }, prepare: (TemporaryFolder) throws -> Void = { _ in }) throws {
            let base = try RealEngine.shared.get().base
            folder = try TemporaryFolder()
            try FileManager.default.copyItem(atPath: adapter, toPath: folder.place("own"))
            try prepare(folder)
            store = AdapterStore(folder: folder.path, base: base.decoder.configuration, budgetBytes: 64 << 20, element: .bf16)
            _ = store.rescan()
            var limits = InferenceLimits()
            change(&limits)
            engine = try Engine(base: base, store: store, limits: limits)
        }
    }

    private func choices(_ count: Int, _ request: GenerationRequest) -> [GenerationChoice] {
        (0..<count).map { _ in GenerationChoice(request, stream: GenerationStream(capacity: 10_000) {}) }
    }

    /// Reads all streams to their ends.
    private func answers(_ choices: [GenerationChoice]) async throws -> [Answer] {
        var answers = choices.map { _ in Answer() }
        var open = Set(choices.indices)
        try await eventually("all sequences end") {
            for index in open {
                for event in choices[index].stream.drain() where answers[index].take(event) { open.remove(index) }
            }
            return open.isEmpty
        }
        return answers
    }

    @Test("a choice that is prepared after its adapter was removed has the version of the first one")
    func oneVersion() async throws {
        let rig = try Rig("\(Self.root)/adapters/bash", change: { ($0.activeSequences, $0.preparedRequests) = (1, 1) })
        defer { rig.engine.stop() }
        let choices = choices(3, RealEngine.request("list all files", adapter: "own", maxTokens: 400) { $0.ignoreEndOfSequence = true })
        rig.engine.submit(GenerationSubmission(choices))
        var answers = choices.map { _ in Answer() }
        func hasBegun(_ index: Int) -> Bool {
            for event in choices[index].stream.drain() { _ = answers[index].take(event) }
            return answers[index].start != nil || answers[index].failure != nil
        }
        try await eventually("the first runs, the second is prepared") { hasBegun(0) }
        try rig.folder.remove("own")
        _ = rig.store.rescan()
        #expect(throws: AdapterError.self) { try rig.store.acquire("own") }
        var starts: [GenerationStart] = []
        for index in choices.indices {
            try await eventually("it starts or fails") { hasBegun(index) }
            try starts.append(#require(answers[index].start, "\(answers[index].failure?.message ?? "")"))
            choices[index].stream.cancel()
        }
        #expect(Set(starts.map(\.adapterVersion)).count == 1 && starts.allSatisfy { $0.adapter == "own" })
        await rig.engine.settle()
    }

    @Test("a prompt that falls back keeps its places in a full queue, and all its choices fall back at once")
    func places() async throws {
        let base = try RealEngine.shared.get().base
        var limits = InferenceLimits()
        (limits.activeSequences, limits.queuedRequests) = (1, 2)
        let folder = try TemporaryFolder()
        let store = AdapterStore(folder: folder.path, base: base.decoder.configuration, budgetBytes: 1 << 20)
        _ = store.rescan()
        let engine = try Engine(base: base, store: store, limits: limits)
        defer { engine.stop() }
        let reasons = Mutex<[GenerationError.Code]>([])
        let intruder = GenerationStream {}
        let choices = choices(3, RealEngine.request("Say a word.", adapter: "gone", maxTokens: 2) { $0.scale = 0.5 })
        engine.submit(
            GenerationSubmission(choices) { error in
                reasons.withLock { $0.append(error.code) }
                // It would take a place that was given back.
                engine.submit(RealEngine.request("Say a word."), to: intruder)
                return .init(adapter: nil)
            })
        let answers = try await answers(choices)
        #expect(answers.allSatisfy { $0.failure == nil && $0.start?.adapter == nil && $0.usage?.completionTokens == 2 })
        #expect(reasons.withLock { $0 } == [.adapterNotFound])
        guard case .failed(let error)? = intruder.drain().last else { return #expect(Bool(false), "the queue was full") }
        #expect(error.code == .overloaded)
        await engine.settle()
        #expect(engine.statistics.finishedRequests == 3 && engine.statistics.failedRequests == 0)
    }

    @Test("of a prompt with more choices than there are places none is taken")
    func allOrNone() async throws {
        let base = try RealEngine.shared.get().base
        var limits = InferenceLimits()
        (limits.activeSequences, limits.queuedRequests) = (1, 2)
        let engine = try Engine(base: base, store: nil, limits: limits)
        defer { engine.stop() }
        let choices = choices(4, RealEngine.request("Say a word.", maxTokens: 2))
        engine.submit(GenerationSubmission(choices))
        #expect(try await answers(choices).map { $0.failure?.code } == Array(repeating: .overloaded, count: 4))
        #expect(await engine.answer(RealEngine.request("Say a word.", maxTokens: 2)).failure == nil)
    }

    @Test("a choice that is cancelled while it waits never starts, and the others go on")
    func cancelledChoice() async throws {
        let fixture = try RealEngine.shared.get()
        let engine = try fixture.engine { $0.activeSequences = 1 }
        defer { engine.stop() }
        let long = GenerationStream(capacity: 10_000) {}
        engine.submit(RealEngine.request("Count.", maxTokens: 4000) { $0.ignoreEndOfSequence = true }, to: long)
        try await eventually("the long one runs") { engine.statistics.activeSequences == 1 }
        let choices = choices(3, RealEngine.request("Say a word.", maxTokens: 60) { $0.ignoreEndOfSequence = true })
        engine.submit(GenerationSubmission(choices))
        #expect(!choices[1].stream.expire(), "it has not started")
        long.cancel()
        let others = try await answers([choices[0], choices[2]])
        #expect(others.allSatisfy { $0.reason == .length && $0.usage?.completionTokens == 60 })
        await engine.settle()
        #expect(engine.statistics.cancelledRequests == 2)
    }

    @Test("an adapter whose own template refuses the messages is not fit for the request, and another one may answer")
    func template() async throws {
        let rig = try Rig("\(Self.root)/adapters/bash", prepare: { folder in
            try folder.write(
                "{% if messages[0].role == 'system' %}{{ raise_exception('no system message') }}{% endif %}{{ messages[0].content }}",
                to: "own/chat_template.jinja")
        })
        defer { rig.engine.stop() }
        let messages = [ChatMessage(role: "system", content: "Be brief."), ChatMessage(role: "user", content: "hi")]
        let request = RealEngine.request("", adapter: "own", maxTokens: 2) { $0.prompt = .chat(messages, tools: []) }
        let named = await rig.engine.answer(request)
        #expect(named.failure?.code == .adapterUnsuitable)
        #expect(named.failure?.message.contains("no system message") == true)
        let choices = choices(2, request)
        rig.engine.submit(GenerationSubmission(choices) { _ in .init(adapter: nil) })
        #expect(try await answers(choices).allSatisfy { $0.failure == nil && $0.start?.adapter == nil })
        #expect(await rig.engine.answer(RealEngine.request("hi", adapter: "own", maxTokens: 2)).failure == nil)
    }

    @Test("an adapter whose family takes no strength is not fit for a request that has one")
    func strength() async throws {
        let rig = try Rig("\(Self.root)/Tests/InferenceTests/Fixtures/memory")
        defer { rig.engine.stop() }
        let answer = await rig.engine.answer(RealEngine.request("hi", adapter: "own", maxTokens: 2) { $0.scale = 0.5 })
        #expect(answer.failure?.code == .adapterUnsuitable)
    }
}
