import Generation
import JSON
import Synchronization
import Testing

@testable import Serving

@Suite struct RoutedBackendTests {
    private func question(_ text: String) -> RoutedPrompt.Selection { .automatic(RouteQuestion(.text(text))) }

    /// A prompt with one choice for each text.
    private func prompts(_ texts: [String], _ reader: Reader) -> [RoutedPrompt] {
        texts.enumerated().map { RoutedPrompt(question($1), choices: [reader.choice($0)]) }
    }

    @Test func eachPromptGetsItsDecisionBeforeEverythingElse() async {
        let serving = RoutedBackend(ScriptedBackend(), router: ScriptedRouter())
        let reader = Reader(3)
        serving.answer(prompts(["to sql", "to bash", "base"], reader))
        let ends = await reader.ends()
        #expect(ends.map(\.text) == ["sql", "bash", "base"])
        #expect(ends.allSatisfy { $0.beginsWithDecision && $0.decisions.count == 1 })
        #expect(ends.map { $0.decisions[0].route } == [.matched, .matched, .fallback])
    }

    @Test(arguments: [GenerationError.Code.adapterNotFound, .adapterRejected])
    func onlyThePromptWhoseAdapterIsGoneFallsBack(code: GenerationError.Code) async {
        let backend = ScriptedBackend(gone: ["sql"], code: code)
        let fallbacks = Mutex<[String]>([])
        let serving = RoutedBackend(
            backend, router: ScriptedRouter(), fellBack: { told in fallbacks.withLock { $0.append("\(told.adapter): \(told.error.message)") } })
        let reader = Reader(3)
        serving.answer(prompts(["to bash", "to sql", "to math"], reader))
        let ends = await reader.ends()
        #expect(ends.map(\.text) == ["bash", "base", "math"])
        #expect(ends.map(\.decisions.count) == [1, 2, 1])
        let last = ends[1].decisions[1]
        #expect(last.adapter == nil && last.route == .fallback)
        #expect(last.reason == "sql was chosen, but has been removed or does not load: the base answers")
        #expect(last.json["unavailable"] == ["sql"])
        #expect(backend.requests.map(\.adapter).filter { $0 == "bash" }.count == 1)
        #expect(fallbacks.withLock { $0 } == ["sql: sql is gone"])
    }

    @Test func allChoicesOfAPromptFallBackTogetherAndItIsToldOnce() async {
        let fallbacks = Mutex<[String]>([])
        let router = ScriptedRouter()
        let serving = RoutedBackend(
            ScriptedBackend(gone: ["sql"]), router: router,
            fellBack: { told in fallbacks.withLock { $0.append("\(told.requestID): \(told.adapter)") } })
        let reader = Reader(4)
        serving.answer([RoutedPrompt(question("to sql"), choices: (0..<4).map { reader.choice($0) })])
        let ends = await reader.ends()
        #expect(ends.map(\.text) == Array(repeating: "base", count: 4))
        #expect(ends.map { $0.decisions.map(\.adapter) } == Array(repeating: ["sql", nil], count: 4))
        #expect(fallbacks.withLock { $0 } == ["r-0: sql"])
        #expect(router.fallbacks.withLock { $0 } == ["to sql: sql -> base"])
    }

    @Test func theSequencesOfAPromptAreOneSubmission() async {
        let counts = Mutex<[Int]>([])
        let backend = CountingBackend { count in counts.withLock { $0.append(count) } }
        let reader = Reader(5)
        RoutedBackend(backend, router: ScriptedRouter()).answer([
            RoutedPrompt(.adapter("sql", reason: "named"), choices: (0..<3).map { reader.choice($0) }),
            RoutedPrompt(.base(reason: "wanted"), choices: [reader.choice(3), reader.choice(4)]),
        ])
        _ = await reader.ends()
        #expect(counts.withLock { $0 } == [3, 2])
    }

    @Test func aPromptThatItsAdapterCannotAnswerFallsBackWithItsReason() async {
        let reader = Reader(1)
        let reasons = Mutex<[String]>([])
        RoutedBackend(
            ScriptedBackend(gone: ["sql"], code: .adapterUnsuitable), router: ScriptedRouter(),
            fellBack: { told in reasons.withLock { $0.append(told.why) } }
        ).answer([RoutedPrompt(question("to sql"), choices: [reader.choice(0, scale: 2)])])
        let end = await reader.ends()[0]
        #expect(end.text == "base")
        #expect(reasons.withLock { $0.count == 1 && !$0[0].contains("sql is gone") }, "a template's error may quote the messages")
        #expect(end.decisions.last?.reason == "sql was chosen, but cannot answer this request: the base answers")
        let named = Reader(1)
        RoutedBackend(ScriptedBackend(gone: ["sql"], code: .adapterUnsuitable), router: ScriptedRouter())
            .answer([RoutedPrompt(.adapter("sql", reason: "named"), choices: [named.choice(0, scale: 2)])])
        #expect(await named.ends()[0].failure?.code == .adapterUnsuitable)
    }

    @Test func aPresetAdapterMayBeReplaced() async {
        for (gone, text) in [(Set<String>(), "slow"), (["slow"], "base")] {
            let reader = Reader(1)
            RoutedBackend(ScriptedBackend(gone: gone), router: ScriptedRouter())
                .answer([RoutedPrompt(.preset("slow", reason: "it was set"), choices: [reader.choice(0)])])
            let end = await reader.ends()[0]
            #expect(end.text == text)
            let first = end.decisions[0]
            #expect(first.route == .explicit && first.notes.isDefault && first.notes.timeoutMilliseconds == 70)
            #expect(end.decisions.dropFirst().map(\.route) == (gone.isEmpty ? [] : [.fallback]))
        }
    }

    @Test func aConversationDoesNotStayOnAnAdapterThatCannotAnswer() async {
        let router = ScriptedRouter { $0.notes.conversation = .init(adapter: "sql", stays: true) }
        let reader = Reader(1)
        RoutedBackend(ScriptedBackend(gone: ["sql"]), router: router).answer(prompts(["to sql"], reader))
        #expect(await reader.ends()[0].decisions.map { $0.notes.conversation?.stays } == [true, false])
    }

    @Test func anAdapterThatIsGoneIsNotLoadedAhead() async {
        let backend = ScriptedBackend(gone: ["bash-2"]) { request, stream in
            // It stays open, so that it counts as taken.
            stream.send(.started(.init(adapter: request.adapter, adapterVersion: nil, promptTokens: 1, cachedTokens: 0)))
        }
        var decision = RouteDecision(adapter: "bash-2", route: .matched, reason: "it was drawn")
        decision.notes.canary = .init(of: "bash", adapter: "bash-2", weight: 1, isChosen: true)
        let serving = RoutedBackend(backend, router: ScriptedRouter())
        let reader = Reader(1)
        serving.answer([RoutedPrompt(.decided(decision), choices: [reader.choice(0)])])
        while serving.prefetchCounters.running > 0 { await Task.yield() }
        #expect(backend.loaded == ["bash"])
    }

    @Test func promptsOfARequestAreRoutedTogetherUpToTheLimit() async {
        let router = ScriptedRouter()
        let serving = RoutedBackend(ScriptedBackend(), router: router)
        let reader = Reader(6)
        serving.answer(prompts((0..<6).map { "wait for a\($0)" }, reader))
        while router.waiting < 4 { await Task.yield() }
        for _ in 0..<100 { await Task.yield() }
        #expect(router.questions.withLock { $0.count } == ServingLimits().routedTogether)
        router.open()
        #expect(await reader.ends().map(\.text) == (0..<6).map { "a\($0)" })
    }

    @Test func everyChoiceOfThePromptFallsBackAndKeepsNoStrength() async {
        let backend = ScriptedBackend(gone: ["sql"])
        let serving = RoutedBackend(backend, router: ScriptedRouter())
        let reader = Reader(2)
        serving.answer([RoutedPrompt(question("to sql"), choices: [reader.choice(0, scale: 2), reader.choice(1, scale: 2)])])
        #expect(await reader.ends().map(\.text) == ["base", "base"])
        #expect(backend.requests.filter { $0.adapter == nil }.map(\.scale) == [1, 1])
        // The backend finds out once for all choices.
        #expect(backend.requests.filter { $0.adapter != nil }.map(\.scale) == [2])
    }

    @Test func aCanaryGivesWayToItsAdapterAndThatToTheBase() async {
        let router = ScriptedRouter {
            $0.adapter = "bash-2"
            $0.notes.canary = .init(of: "slow", adapter: "bash-2", weight: 1, isChosen: true)
        }
        for (gone, text, unavailable) in [(Set(["bash-2"]), "slow", ["bash-2"]), (["bash-2", "slow"], "base", ["bash-2", "slow"])] {
            let reader = Reader(1)
            RoutedBackend(ScriptedBackend(gone: gone), router: router)
                .answer([RoutedPrompt(question("to slow"), choices: [reader.choice(0)])])
            let end = await reader.ends()[0]
            #expect(end.text == text)
            #expect(end.decisions.last?.notes.unavailable == unavailable)
            #expect(end.decisions[1].reason == "bash-2 was drawn, but has been removed or does not load: slow answers")
            #expect(end.decisions[1].route == .matched && end.decisions[1].notes.timeoutMilliseconds == 70)
            if text == "base" { #expect(end.decisions[2].route == .fallback && end.decisions[2].notes.timeoutMilliseconds == nil) }
        }
    }

    @Test func anAdapterThatTheClientNamedIsNeverReplaced() async {
        let backend = ScriptedBackend(gone: ["sql"])
        let reader = Reader(1)
        RoutedBackend(backend, router: ScriptedRouter())
            .answer([RoutedPrompt(.adapter("sql", reason: "named"), choices: [reader.choice(0)])])
        let end = await reader.ends()[0]
        #expect(end.failure?.code == .adapterNotFound)
        #expect(backend.requests.count == 1)
    }

    @Test func anAdapterThatFailsAfterItsStartIsNotReplaced() async {
        let backend = ScriptedBackend { request, stream in
            stream.send(.started(.init(adapter: request.adapter, adapterVersion: nil, promptTokens: 1, cachedTokens: 0)))
            stream.send(.failed(GenerationError(.adapterRejected, "torn")))
        }
        let reader = Reader(1)
        RoutedBackend(backend, router: ScriptedRouter()).answer(prompts(["to sql"], reader))
        #expect(await reader.ends()[0].failure?.code == .adapterRejected)
        #expect(backend.requests.count == 1)
    }

    @Test func aFailureThatIsNotTheAdaptersIsTheAnswer() async {
        let reader = Reader(1)
        RoutedBackend(ScriptedBackend { _, stream in stream.send(.failed(GenerationError(.overloaded, "full"))) }, router: ScriptedRouter())
            .answer(prompts(["to sql"], reader))
        let end = await reader.ends()[0]
        #expect(end.failure?.code == .overloaded && end.decisions.count == 1)
    }

    @Test func aPromptIsAnsweredWhileTheNextIsRouted() async {
        let router = ScriptedRouter()
        let reader = Reader(2)
        RoutedBackend(ScriptedBackend(), router: router).answer(prompts(["to bash", "wait for sql"], reader))
        let first = await reader.until { $0[0].isOver }
        #expect(first[0].text == "bash" && first[1].decisions.isEmpty)
        router.open()
        #expect(await reader.ends()[1].text == "sql")
    }

    @Test func aPromptThatCannotBeRoutedFailsAlone() async {
        let reader = Reader(3)
        RoutedBackend(ScriptedBackend(), router: ScriptedRouter()).answer(prompts(["to bash", "full", "to sql"], reader))
        let ends = await reader.ends()
        #expect(ends.map(\.text) == ["bash", "", "sql"])
        #expect(ends[1].failure?.code == .overloaded)
    }

    @Test func promptsOfAClientThatLeftAreNeitherRoutedNorAnswered() async {
        let (router, backend) = (ScriptedRouter(), ScriptedBackend())
        let serving = RoutedBackend(backend, router: router)
        let reader = Reader(6)
        // As many wait as are routed together, so that two are left.
        serving.answer(prompts(Array(repeating: "wait for sql", count: 4) + ["to bash", "to math"], reader))
        while router.waiting < 4 { await Task.yield() }
        for stream in reader.streams { stream.cancel() }
        router.open()
        let other = Reader(1)
        serving.answer(prompts(["to geo"], other))
        _ = await other.ends()
        #expect(router.questions.withLock { $0.count } == 5)
        #expect(router.cancelled.withLock { $0 } == Array(repeating: "wait for sql", count: 4))
    }

    @Test func adaptersAreLoadedAheadOnceAndNotForRefusedRequests() async {
        let backend = ScriptedBackend()
        let serving = RoutedBackend(backend, router: ScriptedRouter())
        // It stays open, so that it counts as taken.
        let reader = Reader(1)
        let held = RoutedBackend(ScriptedBackend { _, _ in }, router: ScriptedRouter())
        held.answer([RoutedPrompt(.adapter("sql", reason: ""), choices: [reader.choice(0)])])
        while held.prefetchCounters.loaded == 0 { await Task.yield() }
        let refused = Reader(1)
        let full = ScriptedBackend { _, stream in stream.send(.failed(GenerationError(.overloaded, "full"))) }
        RoutedBackend(full, router: ScriptedRouter()).answer([RoutedPrompt(.adapter("sql", reason: ""), choices: [refused.choice(0)])])
        #expect(full.loaded.isEmpty)
        #expect(serving.prefetchCounters == .init())
    }

    @Test func whatWasDecidedBeforeIsAnsweredAsDecided() async throws {
        let backend = ScriptedBackend(gone: ["sql"])
        let serving = RoutedBackend(backend, router: ScriptedRouter())
        let decision = try await serving.decide(question("to sql"))
        let reader = Reader(1)
        serving.answer([RoutedPrompt(.decided(decision), choices: [reader.choice(0)])])
        #expect(await reader.ends()[0].text == "base")
        #expect(try await serving.decide(.adapter("slow", reason: "named")).notes.timeoutMilliseconds == 70)
        #expect(try await serving.decide(.base(reason: "wanted")).reason == "wanted")
    }
}
