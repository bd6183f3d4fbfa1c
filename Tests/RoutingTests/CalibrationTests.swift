import Testing

@testable import Routing

@Suite struct CalibrationTests {
    private func sample(_ score: Float, _ nearness: Float, answer: Int?, scores: [Float] = []) -> Calibration.Sample {
        .init(evidence: .init(score: score, nearness: nearness), answer: answer, scores: scores)
    }

    @Test func separatedEvidenceGetsSeparatedProbabilities() {
        var samples: [Calibration.Sample] = []
        for step in 0..<50 {
            let wiggle = Float(step) / 500
            samples.append(sample(0.8 + wiggle, 0.7, answer: 0, scores: [0.8, 0.1]))
            samples.append(sample(0.1 + wiggle, 0.3, answer: nil))
        }
        let fit = Calibration.fit(samples, adapters: 2)
        #expect(fit.scope(.init(score: 0.85, nearness: 0.7)) > 0.98)
        #expect(fit.scope(.init(score: 0.1, nearness: 0.3)) < 0.1)
    }

    @Test func withLittleToFitThePriorHolds() {
        #expect(Calibration.fit([], adapters: 2) == .prior)
        #expect(Calibration.fit([sample(1, 1, answer: 0, scores: [1, 0])], adapters: 2) == .prior)
    }

    @Test func moreEvidenceIsNeverLessProbable() {
        let samples = (0..<100).map { sample(Float($0) / 100, Float(100 - $0) / 100, answer: $0 < 40 ? 0 : nil, scores: [1, 0]) }
        let fit = Calibration.fit(samples, adapters: 2)
        #expect(fit.scoreWeight >= 0 && fit.nearnessWeight >= 0)
    }

    /// Of 100 texts with the same two scores, one adapter is right 80 times.
    @Test func sharesFollowFrequencies() {
        let samples = (0..<100).map { sample(0.6, 0.6, answer: $0 % 5 == 0 ? 1 : 0, scores: [0.6, 0.5]) }
        let shares = Calibration.fit(samples, adapters: 2).shares([0.6, 0.5])
        #expect(abs(shares[0] - 0.8) < 0.02 && abs(shares[0] + shares[1] - 1) < 1e-12)
    }
}
