import Testing

@testable import Evaluation

@Suite struct BootstrapTests {
    private func scores(_ values: [Double?]) -> ItemScores {
        var scores = ItemScores(count: values.count)
        for (index, value) in values.enumerated() { if let value { scores.set(index, value) } }
        return scores
    }

    @Test func percentilesAreNumPys() throws {
        for sample in try AnswerScoreTests.fixture.samples {
            let interval = try #require(Bootstrap.interval(sample.sample))
            #expect(abs(interval.lowerBound - sample.interval[0]) < 1e-12 && abs(interval.upperBound - sample.interval[1]) < 1e-12)
        }
        #expect(Bootstrap.interval([1]) == nil && Bootstrap.interval([1, .infinity]) == nil)
    }

    /// 400 coins with 120 heads: 0.3, of which the normal approximation gives 0.255 to 0.345.
    @Test func theIntervalOfAShareIsThatOfTheNormalApproximation() throws {
        let coin = scores((0..<400).map { $0 % 10 < 3 ? 1 : 0 })
        let score = try #require(Bootstrap().scores([coin])[0])
        #expect(score.score.value == 0.3 && score.rows == 400 && score.difference == nil)
        let interval = try #require(score.score.interval)
        #expect(abs(interval.lowerBound - 0.2551) < 0.01 && abs(interval.upperBound - 0.3449) < 0.01)
    }

    /// 0 of 30: up to 11.6 %, by the table of Clopper and Pearson.
    @Test func noneOfAFewRowsIsNotNeverEver() throws {
        let (none, all) = (scores([Double?](repeating: 0, count: 30)), scores([Double?](repeating: 1, count: 30)))
        let found = Bootstrap().scores([none, all], areShares: true)
        let (low, high) = (try #require(found[0]?.score.interval), try #require(found[1]?.score.interval))
        #expect(low.lowerBound == 0 && abs(low.upperBound - 0.1157) < 1e-4)
        #expect(high.upperBound == 1 && abs(high.lowerBound - 0.8843) < 1e-4)
        #expect(found[1]?.verdict(.sql) == .better)
    }

    /// A candidate that is better by the same amount everywhere is surely better, however much the rows differ.
    @Test func differencesArePaired() throws {
        let base = scores((0..<30).map { Double($0 * $0 % 17) })
        let better = scores((0..<30).map { Double($0 * $0 % 17) + 0.1 })
        let found = Bootstrap(seed: 3).scores([base, better, base])
        let difference = try #require(found[1]?.difference)
        #expect(abs(difference.value - 0.1) < 1e-9)
        #expect(try #require(difference.interval).lowerBound > 0.0999)
        #expect(found[1]?.verdict(.f1) == .better && found[1]?.verdict(.loss) == .worse)
        #expect(found[2]?.verdict(.f1) == .unclear && found[2]?.difference?.value == 0)
        #expect(Bootstrap(seed: 3).scores([base, better, base]) == found)
    }

    @Test func rowsThatOneCandidateLacksAreLeftOutForAll() throws {
        let found = Bootstrap().scores([scores([1, 0, nil, 1]), scores([1, nil, 1, 0]), scores([nil, nil, nil, nil])])
        #expect(found[0]?.rows == 2 && found[0]?.score.value == 1 && found[1]?.score.value == 0.5 && found[2] == nil)
        #expect(found[0]?.score.interval == nil, "two rows say nothing of chance")
        #expect(found[1]?.verdict(.exact) == .unclear)
    }

    @Test func aLossIsAMeanOverTokens() throws {
        var loss = ItemScores(count: 2)
        loss.set(0, 6, weight: 3)
        loss.set(1, 1, weight: 1)
        #expect(loss[0] == 2 && Bootstrap().scores([loss])[0]?.score.value == 7.0 / 4)
        #expect(Bootstrap().scores([loss]) { 2 * $0 }[0]?.score.value == 3.5)
    }

    @Test func choicesAreCountedAsTheHarnessDoes() {
        // The long right answer is less probable as a whole and more probable by its length.
        let score = ChoiceScore(logLikelihoods: [-6, -4], texts: ["a long answer", "short"], answer: 0)
        #expect(!score.isRight && score.isRightByLength && score.chosen == 1)
        #expect(ChoiceScore(logLikelihoods: [-1, -1], texts: ["a", "b"], answer: 0).isRight, "of equal ones the first counts")
        #expect(!ChoiceScore(logLikelihoods: [-1, -1], texts: ["a", "b"], answer: 1).isRight)
        // Characters are counted, not bytes.
        #expect(ChoiceScore(logLikelihoods: [-2, -3], texts: ["ééé", "xxxx"], answer: 0).isRightByLength)
    }
}
