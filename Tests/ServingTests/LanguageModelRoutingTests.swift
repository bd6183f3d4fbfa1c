import Generation
import Routing
import Synchronization
import Testing

@testable import Serving

/// The base model as the judge of a decision.
@Suite struct LanguageModelRoutingTests {
    /// Prefers the option whose letter stands before `sql` in the list of the prompt.
    private final class Judge: GenerationBackend {
        let baseModelName = "judge"
        let contextLength = 2048
        let status = BackendStatus()
        let streams = Mutex<[GenerationStream]>([])
        let requests = Mutex<[GenerationRequest]>([])
        private let script: @Sendable (String, GenerationStream) -> Void

        init(_ script: @escaping @Sendable (String, GenerationStream) -> Void) { self.script = script }

        func submit(_ submission: GenerationSubmission) {
            for choice in submission.choices {
                requests.withLock { $0.append(choice.request) }
                streams.withLock { $0.append(choice.stream) }
                if case .text(let prompt, _, _) = choice.request.prompt { script(prompt, choice.stream) }
            }
        }

        func stop(whenStopped: @escaping @Sendable () -> Void) { whenStopped() }

        static func say(_ letters: [(String, Float)], to stream: GenerationStream) {
            let top = letters.map { TokenLogprob.Alternative(token: 1, bytes: Array($0.0.utf8), logprob: $0.1) }
            stream.send(.delta(text: "", logprobs: [TokenLogprob(chosen: top[0], top: top)]))
            stream.send(.finished(.length, .init(promptTokens: 1, cachedTokens: 0, completionTokens: 1), .init()))
        }
    }

    private static let question = LanguageModelQuestion(
        text: "which rivers", options: [.init(name: "bash", description: nil, examples: []), .init(name: "sql", description: "Queries.", examples: [])])

    private func judge(_ milliseconds: Int = 1_200_000, _ script: @escaping @Sendable (String, GenerationStream) -> Void) async -> RouteNotes.Judgement {
        await LanguageModelRouting(backend: Judge(script), milliseconds: milliseconds).judge(Self.question)
    }

    @Test func theBaseModelChoosesAmongTheCandidates() async {
        let chosen = await judge { prompt, stream in
            let line = prompt.split(separator: "\n").first { $0.contains("sql") } ?? "A"
            Judge.say([(" \(line.prefix(1))", -0.5), ("\n", -0.7), ("A", -1.5)], to: stream)
        }
        #expect(chosen.choice == "sql" && chosen.failure == nil)
        #expect((chosen.probability ?? 0) > 0.5)
        let none = await judge { prompt, stream in
            let line = prompt.split(separator: "\n").first { $0.contains("none.") } ?? "A"
            Judge.say([("\(line.prefix(1)).", -0.5)], to: stream)
        }
        #expect(none.choice == nil && none.failure == nil)
    }

    @Test func aBaseModelThatSaysNothingOfUseLeavesTheDecision() async {
        #expect(await judge { _, stream in Judge.say([("The", -0.1)], to: stream) }.failure == "it named no option")
        let full = await judge { _, stream in stream.send(.failed(.init(.overloaded, "full"))) }
        #expect(full.cause == "full" && full.failure?.contains("full") == false)
        let backend = Judge { _, _ in }
        let late = await LanguageModelRouting(backend: backend, milliseconds: 20).judge(Self.question)
        #expect(late.failure != nil && late.cause == "the language model did not answer within 20 ms")
        #expect(backend.streams.withLock { $0.map(\.isCancelled) } == [true, true, true])
    }

    @Test func theQuestionsOfAClientThatLeftAreCancelled() async {
        let backend = Judge { _, _ in }
        let asking = Task { await LanguageModelRouting(backend: backend, milliseconds: 1_200_000).judge(Self.question) }
        while backend.streams.withLock({ $0.count }) < 3 { await Task.yield() }
        asking.cancel()
        #expect(await asking.value.cause == "the client left")
        #expect(backend.streams.withLock { $0.map(\.isCancelled) } == [true, true, true])
    }

    @Test func theQuestionsHaveTheCachePartitionOfTheirCaller() async {
        let backend = Judge { _, stream in Judge.say([("A", -0.1)], to: stream) }
        let routing = LanguageModelRouting(backend: backend, milliseconds: 1_200_000)
        _ = await routing.judge(Self.question, cachePartition: "key 1")
        _ = await routing.judge(Self.question)
        #expect(backend.requests.withLock { $0.map(\.cachePartition) } == ["key 1", "key 1", "key 1", nil, nil, nil])
    }
}
