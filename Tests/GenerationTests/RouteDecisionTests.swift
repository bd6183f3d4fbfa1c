import JSON
import Testing

@testable import Generation

@Suite struct RouteDecisionTests {
    @Test func withoutTextsThereIsNoWordOfThePromptOrOfAnExample() {
        var decision = RouteDecision(
            adapter: "sql", route: .matched, reason: "sql is right with 75 %", probability: 0.75, text: "secret", original: "secrte",
            candidates: [
                .init(adapter: "sql", probability: 0.75, score: 1, threshold: 0.5, nearest: [.init(text: "secret example", similarity: 1)])
            ])
        decision.notes.judgement = .init(failure: "secret failed", cause: "secret cause")
        let bare = decision.withoutTexts
        #expect(!bare.json.serialized().contains("secret") && !bare.json.serialized().contains("secrte"))
        #expect(bare.adapter == "sql" && bare.probability == 0.75 && bare.candidates.map(\.adapter) == ["sql"])
        #expect(bare.notes.judgement?.failure != nil && bare.notes.judgement?.cause == nil)
        #expect(!decision.json.serialized().contains("secret cause"))
    }

    @Test func theExplanationNamesAdaptersThatCouldNotAnswer() {
        var decision = RouteDecision.fallback(reason: "the base answers")
        #expect(decision.json["unavailable"] == nil)
        decision.notes.unavailable = ["sql"]
        #expect(decision.json["unavailable"] == ["sql"])
    }
}
