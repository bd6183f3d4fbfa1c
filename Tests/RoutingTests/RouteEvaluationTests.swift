import Generation
import Testing

@testable import Routing

@Suite struct RouteEvaluationTests {
    private func outcome(
        _ expected: String?, _ chosen: String?, best: String, _ probability: Double, none: Double, line: Int = 1, threshold: Double = 0.5
    ) -> RouteEvaluation.Outcome {
        let others = ["bash", "sql", "math"].filter { $0 != best }.map {
            RouteDecision.Candidate(adapter: $0, probability: 0.01, score: 0, threshold: threshold, nearest: [])
        }
        let decision = RouteDecision(
            adapter: chosen, route: chosen == nil ? .fallback : .matched, reason: "", probability: probability, noneProbability: none,
            margin: nil, threshold: threshold, text: "t",
            candidates: [.init(adapter: best, probability: probability, score: 1, threshold: threshold, nearest: [])] + others,
            encoder: "", timings: .init())
        return .init(LabelledText(text: "text \(line)", adapter: expected, line: line), decision)
    }

    @Test func figuresAreWhatTheirNamesSay() {
        let evaluation = RouteEvaluation([
            outcome("bash", "bash", best: "bash", 0.9, none: 0.05, line: 1),
            outcome("bash", "sql", best: "sql", 0.7, none: 0.1, line: 2),
            outcome("sql", nil, best: "sql", 0.4, none: 0.5, line: 3),
            outcome("sql", "sql", best: "sql", 0.8, none: 0.1, line: 4),
            outcome(nil, nil, best: "bash", 0.1, none: 0.9, line: 5),
            outcome(nil, "bash", best: "bash", 0.6, none: 0.3, line: 6),
        ])
        #expect((evaluation.inScopeCount, evaluation.outOfScopeCount) == (4, 2))
        #expect(evaluation.rightShare == 0.5)
        #expect(evaluation.accuracy == 0.75)
        #expect(evaluation.topThree == 1)
        #expect((evaluation.matched, evaluation.mismatched, evaluation.fellBack) == (0.5, 0.25, 0.25))
        #expect(evaluation.outOfScopeFellBack == 0.5)
        // The greatest in scope is 0.5: one of two is above it.
        #expect(evaluation.outOfScopeRecall == 0.5)
        let bash = evaluation.adapters[0]
        #expect((bash.adapter, bash.texts, bash.right, bash.leftToBase, bash.chosen) == ("bash", 2, 1, 0, 2))
        #expect((bash.recall, bash.precision, bash.meanProbability) == (0.5, 0.5, 0.9))
        let confusions = evaluation.confusions
        #expect(confusions.map(\.count) == [1, 1, 1])
        #expect(confusions.map(\.expected) == [nil, "bash", "sql"] && confusions.map(\.chosen) == ["bash", "sql", nil])
        #expect(confusions[0].example.line == 6)
    }

    @Test func withoutTextsOfAKindThereIsNoFigure() {
        let inside = RouteEvaluation([outcome("bash", "bash", best: "bash", 0.9, none: 0.05)])
        #expect(inside.outOfScopeFellBack == nil && inside.outOfScopeRecall == nil && inside.accuracy == 1)
        let outside = RouteEvaluation([outcome(nil, nil, best: "bash", 0.2, none: 0.8)])
        #expect(outside.accuracy == nil && outside.topThree == nil && outside.outOfScopeRecall == nil && outside.rightShare == 1)
    }

    @Test func aBetterThresholdIsToldWhenTheEvidenceIsEnough() {
        let right = (0..<20).map { outcome("bash", nil, best: "bash", 0.3 + Double($0) / 1000, none: 0.6) }
        let wrong = (0..<5).map { outcome("sql", nil, best: "bash", 0.1 + Double($0) / 1000, none: 0.8) }
        let advice = RouteEvaluation(right + wrong).advice
        #expect(advice.map(\.adapter) == ["bash"])
        #expect(advice.first?.better == 0.3 && advice.first?.current == 0.5)
        #expect(advice.first.map { [$0.texts, $0.before, $0.after] } == [25, 0, 20])
        #expect(RouteEvaluation(Array((right + wrong).prefix(15))).advice.isEmpty)
        // Three texts more, and nothing against it, may be chance.
        let known = (0..<27).map { _ in outcome("bash", "bash", best: "bash", 0.9, none: 0.1) }
        #expect(RouteEvaluation(known + Array(right.prefix(3))).advice.isEmpty)
        #expect(RouteEvaluation(known + Array(right.prefix(5))).advice.map(\.better) == [0.3])
        let fine = (0..<30).map { _ in outcome("bash", "bash", best: "bash", 0.9, none: 0.1) }
        #expect(RouteEvaluation(fine).advice.isEmpty)
    }

    @Test func aCoinDoesAsWellNowAndThen() {
        #expect(ThresholdAdvice.coin(heads: 3, of: 3) == 0.125)
        #expect(ThresholdAdvice.coin(heads: 7, of: 8) == 9.0 / 256)
        #expect(ThresholdAdvice.coin(heads: 0, of: 4) == 1 && ThresholdAdvice.coin(heads: 0, of: 0) == 1)
    }

    @Test func linesSayWhoShouldAnswer() throws {
        let lines = try LabelledText.parse(
            """
            {"text": "how many rivers", "adapter": "sql"}

            {"instruction": "a sonnet", "adapter": null}
            {"text": "hello", "adapter": "base"}
            {"text": "bye", "adapter": "none"}
            """, place: "q.jsonl")
        #expect(lines.map(\.adapter) == ["sql", nil, nil, nil])
        #expect(lines.map(\.line) == [1, 3, 4, 5])
        for (text, place) in [
            ("", "q.jsonl"), ("{\"text\": \"a\"}", "q.jsonl:1"), ("\n{\"adapter\": \"sql\"}", "q.jsonl:2"), ("{\"text\": \" \", \"adapter\": \"sql\"}", "q.jsonl:1"),
            ("{\"text\": \"a\", \"adapter\": 3}", "q.jsonl:1"), ("nonsense", "q.jsonl:1"), ("[1]", "q.jsonl:1"),
        ] {
            let error = #expect(throws: RoutingError.self) { try LabelledText.parse(text, place: "q.jsonl") }
            #expect(error?.place == place, "\(text)")
            #expect(error?.code == .malformedFile)
        }
    }
}
