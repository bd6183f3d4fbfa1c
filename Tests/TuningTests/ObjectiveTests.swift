import Testing

@testable import Tuning

@Suite struct ObjectiveTests {
    @Test func theFixturesCoverEveryObjective() {
        #expect(Set(ObjectiveCase.all.map(\.objective)) == ["sft", "dpo", "cpo", "orpo", "kto"])
        #expect(losses(of: "dpo") == Set(DPO.Loss.allCases.map(\.rawValue)))
        #expect(losses(of: "cpo") == Set(CPO.Loss.allCases.map(\.rawValue)))
    }

    private func losses(of objective: String) -> Set<String> {
        Set(ObjectiveCase.all.filter { $0.objective == objective }.compactMap(\.settings.loss))
    }

    @Test(arguments: ObjectiveCase.all) func lossGradientsAndMetricsAreTRLs(stored: ObjectiveCase) throws {
        let objective = try stored.makeObjective()
        let examples = stored.examples(objective)
        let result = try objective.evaluate(examples, totals: stored.totals(objective, examples))
        #expect(isNear(result.loss, stored.loss, 1e-9))
        #expect(result.gradients.count == stored.sequences.count)
        for (found, expected) in zip(result.gradients, stored.sequences) {
            let expected = try #require(expected.gradient)
            #expect(found.count == expected.count)
            #expect(zip(found, expected).allSatisfy { isNear($0, $1, 1e-9) })
        }
        let metrics = result.metrics
        for (found, expected) in [
            (metrics.chosen.reward, stored.metrics.chosenReward), (metrics.rejected.reward, stored.metrics.rejectedReward),
            (metrics.accuracy, stored.metrics.accuracy), (metrics.margin, stored.metrics.margin),
        ] {
            guard let expected else { continue }
            #expect(isNear(try #require(found), expected))
        }
    }

    @Test(arguments: ObjectiveCase.all) func gradientsAreThoseOfFiniteDifferences(stored: ObjectiveCase) throws {
        let objective = try stored.makeObjective()
        let examples = stored.examples(objective)
        let totals = stored.totals(objective, examples)
        let gradients = try objective.evaluate(examples, totals: totals).gradients
        let width = 1e-5
        var sequence = 0
        for (index, example) in examples.enumerated() {
            for (place, scores) in example.scores.enumerated() {
                for token in scores.policy.indices {
                    let losses = try [width, -width].map { step in
                        var moved = examples
                        moved[index].scores[place].policy[token] += step
                        return try objective.evaluate(moved, totals: totals).loss
                    }
                    #expect(isNear(gradients[sequence][token], (losses[0] - losses[1]) / (2 * width), 1e-7))
                }
                sequence += 1
            }
        }
    }

    @Test(arguments: ObjectiveCase.all) func microBatchesAddUpToOneLargeBatch(stored: ObjectiveCase) throws {
        let objective = try stored.makeObjective()
        let examples = stored.examples(objective)
        let totals = stored.totals(objective, examples)
        let whole = try objective.evaluate(examples, totals: totals)
        var loss = 0.0
        var gradients: [[Double]] = []
        var metrics = ObjectiveMetrics()
        for range in [0..<1, 1..<examples.count] {
            let part = try objective.evaluate(Array(examples[range]), totals: totals)
            loss += part.loss
            gradients += part.gradients
            metrics += part.metrics
        }
        #expect(isNear(loss, whole.loss, 1e-12))
        #expect(gradients == whole.gradients)
        #expect(isNear(metrics.chosen.rewardSum, whole.metrics.chosen.rewardSum, 1e-12))
        #expect(metrics.tokenCount == whole.metrics.tokenCount)
        #expect(metrics.correctCount == whole.metrics.correctCount)
    }

    @Test func aSupervisedLossIsTheMeanOverAllTargetsOfTheStep() throws {
        let short = TrainingSequence(tokens: [1, 2, 3], isTarget: [false, false, true])
        let long = TrainingSequence(tokens: [1, 2, 3, 4], isTarget: [false, true, true, true])
        var totals = StepTotals()
        for sequence in [short, long] { totals += Objective.supervised.totals(of: .supervised(sequence)) }
        #expect(totals == StepTotals(exampleCount: 2, tokenCount: 4))
        let first = try Objective.supervised.evaluate([ScoredExample(.supervised(short), scores: [.init(policy: [-2])])], totals: totals)
        let second = try Objective.supervised.evaluate(
            [ScoredExample(.supervised(long), scores: [.init(policy: [-1, -3, -4])])], totals: totals)
        #expect(first.loss + second.loss == 2.5)
        #expect(first.gradients == [[-0.25]])
        #expect(second.metrics.negativeLogLikelihood == 8.0 / 3)
    }

    @Test func onlyORPOScoresThePromptOfTheChosenAnswer() throws {
        let chosen = TrainingSequence(tokens: [1, 2, 3, 4], isTarget: [false, false, true, true])
        let rejected = TrainingSequence(tokens: [1, 2, 5], isTarget: [false, false, true])
        let pair = TrainingExample.preference(chosen: chosen, rejected: rejected)
        let orpo = Objective.orpo(try ORPO())
        #expect(orpo.scoredTokens(of: pair) == [[false, true, true, true], [false, false, true]])
        #expect(orpo.totals(of: pair).tokenCount == 3)
        #expect(Objective.dpo(try DPO()).scoredTokens(of: pair) == [chosen.isTarget, rejected.isTarget])
    }

    @Test func oddsStayFiniteWhenAnAnswerIsCertain() throws {
        let sequence = TrainingSequence(tokens: [1, 2], isTarget: [false, true])
        let orpo = Objective.orpo(try ORPO())
        for (chosen, rejected) in [(0.0, -1.0), (-1.0, 0.0), (0.0, 0.0)] {
            let example = ScoredExample(
                .preference(chosen: sequence, rejected: sequence), scores: [.init(policy: [chosen]), .init(policy: [rejected])])
            let result = try orpo.evaluate([example], totals: orpo.totals(of: example.example))
            #expect(result.loss.isFinite)
            #expect(result.gradients.allSatisfy { $0.allSatisfy(\.isFinite) })
        }
    }

    @Test(arguments: ObjectiveCase.all) func aLogProbabilityThatIsNaNIsSeenInTheLoss(stored: ObjectiveCase) throws {
        let objective = try stored.makeObjective()
        var examples = stored.examples(objective)
        let totals = stored.totals(objective, examples)
        examples[0].scores[0].policy[0] = .nan
        #expect(try !objective.evaluate(examples, totals: totals).loss.isFinite)
    }

    @Test func examplesOfAnotherKindAreRefused() throws {
        let sequence = TrainingSequence(tokens: [1, 2], isTarget: [false, true])
        let error = #expect(throws: TuningError.self) { try Objective.dpo(try DPO()).check(.supervised(sequence)) }
        #expect(error?.description == "dpo learns from chosen and rejected answers, found answers")
        let empty = TrainingSequence(tokens: [1, 2], isTarget: [false, false])
        let none = #expect(throws: TuningError.self) {
            try Objective.cpo(try CPO()).check(.preference(chosen: sequence, rejected: empty))
        }
        #expect(none?.code == .nothingToTrain)
    }

    @Test func extremeMarginsOverflowNothing() {
        for loss in [MarginLoss.sigmoid, .conservative(0.1), .robust(0.1)] {
            for margin in [-1e6, 1e6] {
                let (value, slope) = loss.value(margin: margin, beta: 10)
                #expect(value.isFinite && slope.isFinite)
            }
        }
    }
}
