import Testing

@testable import Tuning

@Suite struct ObjectiveSettingsTests {
    @Test func aSettingOutsideItsRangeIsRefusedWithItsNameAndRange() {
        let error = #expect(throws: TuningError.self) { try DPO(beta: 0) }
        #expect(error?.description == "beta: expected a number more than 0 and at most 100, found 0")
        #expect(error?.code == .invalidSetting)
        #expect(throws: TuningError.self) { try DPO(beta: .nan) }
        #expect(throws: TuningError.self) { try DPO(beta: .infinity) }
        let smoothing = #expect(throws: TuningError.self) { try DPO(loss: .robust, labelSmoothing: 0.5) }
        #expect(smoothing?.description == "label_smoothing: expected a number from 0 and less than 0.5, found 0.5")
        #expect(throws: TuningError.self) { try DPO(supervisedWeight: -1) }
        #expect(throws: TuningError.self) { try CPO(likelihoodWeight: -0.1) }
        #expect(throws: TuningError.self) { try CPO.simpo(gamma: -1) }
        #expect(throws: TuningError.self) { try ORPO(beta: -1) }
        #expect(throws: TuningError.self) { try KTO(desirableWeight: 0, undesirableWeight: 0) }
    }

    @Test func labelSmoothingThatWouldHaveNoEffectIsRefused() throws {
        let error = #expect(throws: TuningError.self) { try DPO(loss: .sigmoid, labelSmoothing: 0.1) }
        #expect(error?.description == "label_smoothing: has no effect with the loss sigmoid: use conservative or robust")
        #expect(throws: TuningError.self) { try CPO(loss: .hinge, labelSmoothing: 0.1) }
        _ = try CPO(loss: .simpo, labelSmoothing: 0.1)
        _ = try DPO(loss: .conservative, labelSmoothing: 0.1)
    }

    @Test func simpoIsCPOWithoutLikelihood() throws {
        let simpo = try CPO.simpo(beta: 2.5, gamma: 1.4)
        #expect(simpo.loss == .simpo)
        #expect(simpo.likelihoodWeight == 0)
    }

    @Test func onlyAnObjectiveWithPreferencesTurnsDropoutOff() throws {
        #expect(Objective.supervised.usesDropout)
        #expect(!Objective.orpo(try ORPO()).usesDropout)
        #expect(Objective.kto(try KTO()).needsDivergence)
        #expect(!Objective.cpo(try CPO()).needsReference)
    }
}

@Suite struct KTODivergenceTests {
    private func example(_ prompt: [Int32], _ answer: [Int32]) -> TrainingExample {
        .labelled(
            TrainingSequence(
                tokens: prompt + answer,
                isTarget: Array(repeating: false, count: prompt.count) + Array(repeating: true, count: answer.count)),
            isDesirable: true)
    }

    @Test func eachPromptMeetsTheAnswerBeforeItsOwn() {
        let found = KTO.mismatched([example([1, 2], [3]), example([4], [5, 6]), example([7], [8])], maximumTokens: 10)
        #expect(found.map(\.tokens) == [[1, 2, 8], [4, 3], [7, 5, 6]])
        #expect(found.map(\.isTarget) == [[false, false, true], [false, true], [false, true, true]])
    }

    @Test func aMismatchedSequenceIsCutOrLeftOut() {
        let found = KTO.mismatched([example([1, 2, 3], [4, 5]), example([6], [7, 8, 9])], maximumTokens: 3)
        #expect(found.map(\.tokens) == [[6, 4, 5]], "the first keeps no token of its answer")
    }

    @Test func oneExampleHasNoMismatch() {
        #expect(KTO.mismatched([example([1], [2])], maximumTokens: 8).isEmpty)
        #expect(KTO.divergence([]) == 0)
    }

    @Test func theDivergenceIsNeverNegative() {
        #expect(KTO.divergence([.init(policy: [-3, -1], reference: -2)]) == 0)
        #expect(KTO.divergence([.init(policy: [-3, -1], reference: -6), .init(policy: [-1], reference: -2)]) == 1.5)
        #expect(KTO.divergence([.init(policy: [.nan], reference: 0)]).isNaN)
    }
}
