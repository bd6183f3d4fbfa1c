import Foundation
import Generation
import HTTP
import JSON
import OpenAIAPI
import Routing
import Serving
import Telemetry
import TestSupport
import Testing

@testable import Gateway

/// The real base, encoder and adapters behind the handler: what a client of the service gets.
@Suite(.enabled(if: RealService.isPresent || Checkout.isCI, "models/ or adapters/ is incomplete: run scripts/models"), .serialized)
struct EndToEndTests {
    /// Held-out questions of each kind.
    static let questions = [
        ("bash", "list all files larger than 10 MB under /var"), ("sql", "how many rivers run through texas"),
        ("math", "A baker sells 12 cakes a day at 3 dollars each. How much does he earn in a week?"),
        ("data2text", "name[The Punter], food[Italian], area[riverside], priceRange[cheap]"),
    ]

    /// Of five options chance takes less than two of eight; docs/routing.md has how good it is.
    @Test func theBaseItselfChoosesBetterThanChance() async throws {
        let parts = try await RealService.shared().parts
        let judge = LanguageModelRouting(backend: parts.backend, milliseconds: 600_000)
        var policy = RequestPolicy()
        policy.languageModel = .always
        let dispatcher = RouteDispatcher(router: parts.library.router, policy: policy)
        let rules = parts.library.shelf.rules
        let more = [
            ("bash", "count the lines of every python file here"), ("sql", "what is the population of the capital of ohio"),
            ("data2text", "Describe this restaurant: name[Cocum], eatType[pub], near[Crowne Plaza Hotel]"),
            ("math", "Ann has 24 marbles, gives a third of them away and buys 5. How many has she now?"),
        ]
        var right = 0
        for (adapter, question) in Self.questions + more {
            let consideration = try dispatcher.consider(RouteQuestion(.text(question)), rules: rules)
            let asked = try #require(consideration.question)
            #expect(asked.count == 5)
            let judgement = await judge.judge(asked)
            #expect(judgement.failure == nil)
            if judgement.choice == adapter { right += 1 }
            #expect(dispatcher.conclude(consideration, judgement: judgement, rules: rules).adapter == judgement.choice)
        }
        #expect(right >= 5, "\(right) of 8")
    }

    /// At once takes fewer steps than one after the other, since rows of several adapters share a step; a serial engine takes as many.
    @Test func fourKindsAtOnceShareStepsAndGetTheAnswersThatEachGetsAlone() async throws {
        let service = try await RealService.shared()
        func steps() -> Double { service.parts.backend.status.figures.first { $0.name == "steps" }?.value ?? 0 }
        func ask(_ question: String) async -> RealService.Answer {
            await service.chat(question, "\"temperature\":0,\"max_tokens\":12")
        }
        // The first time prompts are computed, the second time they are cached, as in the rounds below.
        var alone: [String] = []
        for (adapter, question) in Self.questions {
            let answer = await ask(question)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.adapter == adapter)
            alone.append(answer.content)
        }
        #expect(Set(alone).count == 4)
        var before = steps()
        for (_, question) in Self.questions { _ = await ask(question) }
        let stepsAlone = steps() - before
        // On a busy machine four requests can come so far apart that each is done before the next; not again and again.
        var shared = false
        for _ in 0..<50 where !shared {
            before = steps()
            let together = await withTaskGroup(of: (Int, RealService.Answer).self) { group in
                for (index, (_, question)) in Self.questions.enumerated() { group.addTask { (index, await ask(question)) } }
                return await group.reduce(into: [Int: RealService.Answer]()) { $0[$1.0] = $1.1 }
            }
            shared = steps() - before < stepsAlone
            for (index, (adapter, _)) in Self.questions.enumerated() {
                #expect(together[index]?.adapter == adapter)
                #expect(together[index]?.content == alone[index])
            }
        }
        #expect(shared, "\(stepsAlone) steps one after the other, and no fewer at once")
    }

    /// Bytes a parameter; int8 has scales, too.
    @Test(arguments: [(ServiceConfiguration.Precision.fast, 1.0...1.2), (.reference, 4.0...4.0)])
    func thePrecisionDecidesHowAdaptersLieInMemory(
        precision: ServiceConfiguration.Precision, bytes: ClosedRange<Double>
    ) throws {
        var configuration = ServiceConfiguration()
        configuration.base = "\(RealService.root)/models/base.gguf"
        configuration.adapters = "\(RealService.root)/adapters"
        configuration.precision = precision
        let store = configuration.openStore(for: try configuration.openBaseWeights())
        let adapter = try store.acquire("math")
        #expect(bytes.contains(Double(adapter.delta.byteCount) / Double(adapter.summary.parameters)))
    }

    @Test func whatNoAdapterIsForIsLeftToTheBase() async throws {
        let answer = await (try RealService.shared()).chat("write me a sonnet about rain", "\"max_tokens\":4")
        #expect(answer.status == 200)
        #expect(answer.route == "fallback")
        #expect(answer.adapter == "base")
    }

    @Test func aStreamIsTheSameTextInPieces() async throws {
        let service = try await RealService.shared()
        let fields = "\"model\":\"bash\",\"temperature\":0,\"max_tokens\":8"
        let whole = await service.chat("count the lines of notes.txt", fields)
        let stream = await service.chat("count the lines of notes.txt", fields + ",\"stream\":true")
        #expect(stream.events.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.stringValue }.joined() == whole.content)
        #expect(!whole.content.isEmpty)
    }

    @Test func tooLongAndImpossibleRequestsAreTold() async throws {
        let service = try await RealService.shared()
        let long = await service.chat("hi", "\"model\":\"base\",\"max_tokens\":1000000")
        #expect(long.status == 400)
        #expect(long.text.contains("context_length_exceeded"))
        let bias = await service.chat("hi", "\"model\":\"base\",\"max_tokens\":1,\"logit_bias\":{\"99999999\":1}")
        #expect(bias.status == 400)
        #expect(bias.text.contains("logit_bias") || bias.text.contains("99999999"), "\(bias.text)")
    }
}
