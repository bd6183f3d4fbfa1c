import Foundation
import TestSupport
import Testing
import Tuning

@Suite struct LearningRateTests {
    private struct Schedules: Decodable {
        struct Case: Decodable {
            var shape: String
            var warmup: Double
            var total: Int
            var factors: [Double]
        }

        var cases: [Case]
    }

    @Test func factorsAreThoseOfTransformers() throws {
        let path = URL(filePath: Checkout.fixture("schedules.json"))
        let cases = try JSONDecoder().decode(Schedules.self, from: Data(contentsOf: path)).cases
        #expect(cases.count == 15)
        for stored in cases {
            let shape = try #require(LearningRateSchedule.Shape(rawValue: stored.shape))
            let schedule = try LearningRateSchedule(shape, warmup: stored.warmup, totalSteps: stored.total)
            for (step, factor) in stored.factors.enumerated() { #expect(isNear(schedule.factor(step), factor, 1e-12)) }
        }
    }

    @Test func stepsOfARunAreRoundedUpAsTransformersDoes() throws {
        var settings = try TaskSettings()
        settings.examples = 4
        settings.epochs = 3
        #expect(settings.totalSteps(exampleCount: 10) == 9)
        settings.epochs = 0.5
        #expect(settings.totalSteps(exampleCount: 10) == 2)
        settings.epochs = 1
        #expect(settings.totalSteps(exampleCount: 1) == 1)
    }

    @Test func aWarmupBelowZeroIsRefused() {
        let error = #expect(throws: TuningError.self) { try LearningRateSchedule(.linear, warmup: -1, totalSteps: 10) }
        #expect(error?.field == "warmup_steps")
    }

    @Test func groupsOfLoRAPlusAreThoseOfPEFT() throws {
        let path = URL(filePath: Checkout.fixture("loraplus.json"))
        let stored = try JSONDecoder().decode([String: [Double]].self, from: Data(contentsOf: path))
        let rates = try LearningRates(rate: 1e-3, loraPlusRatio: 16, embeddingRate: 1e-5, weightDecay: 0.1)
        #expect(stored.count == 6)
        for (name, expected) in stored {
            let role: LearningRates.Role =
                name.contains("lora_embedding") ? .embedding
                : name.contains("lora_B") ? .lowRankB : name.contains("magnitude") ? .vector : .matrix
            let group = rates.group(role)
            #expect(isNear(group.learningRate, expected[0], 1e-15))
            #expect(group.weightDecay == expected[1])
        }
    }

    @Test func withoutARatioAllTensorsHaveOneRate() throws {
        let rates = try LearningRates(rate: 2e-4, weightDecay: 0.01)
        #expect(LearningRates.Role.allCases.allSatisfy { rates.group($0).learningRate == 2e-4 })
        #expect(rates.group(.biasOrNorm).weightDecay == 0)
        #expect(rates.group(.vector).weightDecay == 0.01)
    }
}
