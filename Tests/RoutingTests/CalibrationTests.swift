import Testing

@testable import Routing

@Suite struct CalibrationTests {
    @Test func separatedScoresGetSeparatedProbabilities() {
        var samples: [Calibration.Sample] = []
        for step in 0..<50 {
            let wiggle = Float(step) / 500
            samples.append(.init(score: 0.6 + wiggle, margin: 0.3, isRight: true))
            samples.append(.init(score: 0.2 + wiggle, margin: 0.02, isRight: false))
        }
        let fit = Calibration.fit(samples)
        #expect(fit.probability(score: 0.65, margin: 0.3) > 0.95)
        #expect(fit.probability(score: 0.25, margin: 0.02) < 0.05)
    }

    @Test func probabilitiesFollowFrequencies() {
        var samples: [Calibration.Sample] = []
        for step in 0..<1000 {
            samples.append(.init(score: 0.5, margin: 0, isRight: step % 2 == 0))
        }
        #expect(abs(Calibration.fit(samples).probability(score: 0.5, margin: 0) - 0.5) < 0.05)
    }

    @Test func withoutBothClassesThePriorHolds() {
        #expect(Calibration.fit([]) == .prior)
        #expect(Calibration.fit([.init(score: 1, margin: 1, isRight: true)]) == .prior)
    }

    @Test func moreSimilarIsNeverLessProbable() {
        let samples = (0..<100).map {
            Calibration.Sample(score: Float($0) / 100, margin: Float(100 - $0) / 100, isRight: $0 < 40)
        }
        let fit = Calibration.fit(samples)
        #expect(fit.scoreWeight >= 0 && fit.marginWeight >= 0)
    }
}
