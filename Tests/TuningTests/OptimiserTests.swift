import Foundation
import Tensors
import TestSupport
import Testing

@testable import Tuning

/// `Fixtures/optimisers.json`: weights after some steps of torch's and transformers' optimisers.
private struct Trajectories: Decodable {
    struct Case: Decodable {
        var method: String
        var rate: Double
        var decay: Double
        var max_norm: Double
        var huge: Float
        /// Of each tensor: after each step, or after the last alone.
        var weights: [String: [[Float]]]
    }

    var factors: [Double]
    var cases: [Case]

    static func load() throws -> Trajectories {
        try JSONDecoder().decode(Trajectories.self, from: Data(contentsOf: URL(filePath: Checkout.fixture("optimisers.json"))))
    }
}

@Suite struct OptimiserTests {
    private static let shapes: [(name: String, shape: TrainedTensor.Shape)] = [
        ("vector", .vector(5)), ("wide", .matrix(rows: 3, columns: 9)), ("tall", .matrix(rows: 10, columns: 4)),
        ("blocks", .matrix(rows: 6, columns: 75)),
    ]

    /// The fixture's numbers of a step.
    private static func numbers(_ count: Int, step: Int, times factor: Float = 1) -> [Float] {
        (0..<count).map { Float((37 * $0 + 101 * step) % 61 - 30) / 64 * factor }
    }

    private static func make(_ method: Optimiser.Method, rate: Double = 0.05, decay: Double = 0) throws -> Optimiser {
        let group = ParameterGroup(learningRate: rate, weightDecay: decay)
        return try Optimiser(method, tensors: shapes.map { TrainedTensor(name: $0.name, shape: $0.shape, group: group) })
    }

    private static func method(_ name: String) throws -> Optimiser.Method {
        name == "adamw" ? .adamW(try AdamW()) : .adafactor
    }

    private static func firstWeights() -> [FloatBuffer] { shapes.map { FloatBuffer(numbers($0.shape.count, step: 0)) } }

    /// One step with the fixture's gradients of this step.
    private static func step(
        _ optimiser: Optimiser, _ weights: [FloatBuffer], _ number: Int, factor: Double = 1, scale: Double = 1, huge: Float = 1
    ) {
        optimiser.beginStep(scheduleFactor: factor, gradientScale: scale)
        for index in shapes.indices {
            optimiser.update(index, weights[index].pointer, numbers(shapes[index].shape.count, step: number, times: huge))
        }
    }

    private static func isEqual(_ left: [FloatBuffer], _ right: [FloatBuffer]) -> Bool { values(left) == values(right) }

    private static func values(_ buffers: [FloatBuffer]) -> [[Float]] {
        buffers.map { Array(UnsafeBufferPointer(start: $0.pointer, count: $0.count)) }
    }

    @Test(arguments: 0..<4) func weightsFollowTheReference(number: Int) throws {
        let stored = try Trajectories.load()
        let expected = try #require(stored.cases.dropFirst(number).first)
        let optimiser = try Self.make(Self.method(expected.method), rate: expected.rate, decay: expected.decay)
        var clip = try GradientGuard(maximumNorm: expected.max_norm > 0 ? expected.max_norm : nil)
        let weights = Self.firstWeights()
        for (number, factor) in stored.factors.enumerated() {
            let sum = Self.shapes.reduce(0.0) {
                $0 + GradientNorm.sumOfSquares(
                    Self.numbers($1.shape.count, step: number + 1, times: expected.huge), $1.shape.count)
            }
            guard case .apply(let scale, _) = try clip.judge(sumOfSquares: sum) else {
                Issue.record("finite gradients were left out")
                return
            }
            #expect((scale < 1) == (expected.max_norm > 0))
            Self.step(optimiser, weights, number + 1, factor: factor, scale: scale, huge: expected.huge)
            for (index, tensor) in Self.shapes.enumerated() {
                let steps = try #require(expected.weights[tensor.name])
                guard steps.count == stored.factors.count || number == stored.factors.count - 1 else { continue }
                let expected = steps[min(number, steps.count - 1)]
                #expect(expected.count == tensor.shape.count)
                #expect(zip(Self.values(weights)[index], expected).allSatisfy { isNear(Double($0), Double($1)) })
            }
        }
    }

    @Test(arguments: ["adamw", "adafactor"]) func aRunThatContinuesFromItsStatesHasTheSameBits(name: String) throws {
        let (whole, first, second) = (
            try Self.make(Self.method(name)), try Self.make(Self.method(name)), try Self.make(Self.method(name))
        )
        let (expected, weights) = (Self.firstWeights(), Self.firstWeights())
        for number in 1...6 { Self.step(whole, expected, number) }
        for number in 1...3 { Self.step(first, weights, number) }
        for (from, to) in zip(first.states, second.states) {
            #expect(from.name == to.name)
            to.buffer.pointer.update(from: from.buffer.pointer, count: from.buffer.count)
        }
        second.resume(at: first.stepCount)
        for number in 4...6 { Self.step(second, weights, number) }
        #expect(Self.isEqual(weights, expected))
        #expect(second.stepCount == 6)
    }

    @Test(arguments: ["adamw", "adafactor"]) func tensorsMayBeUpdatedOnSeveralThreads(name: String) throws {
        let (alone, shared) = (try Self.make(Self.method(name)), try Self.make(Self.method(name)))
        let (expected, weights) = (Self.firstWeights(), Self.firstWeights())
        for number in 1...4 {
            Self.step(alone, expected, number)
            shared.beginStep(scheduleFactor: 1)
            let gradients = Self.shapes.map { Self.numbers($0.shape.count, step: number) }
            Parallel.forEach(Self.shapes.count, threads: 4) { range in
                for index in range { shared.update(index, weights[index].pointer, gradients[index]) }
            }
        }
        #expect(Self.isEqual(weights, expected))
    }

    @Test func statesHaveTorchsNamesAndSizes() throws {
        let adam = try Self.make(.adamW(AdamW()))
        #expect(adam.states.map(\.name) == ["exp_avg", "exp_avg_sq"])
        #expect(adam.states.map(\.buffer.count) == [522, 522])
        let adafactor = try Self.make(.adafactor)
        #expect(adafactor.states.map(\.name) == ["exp_avg_sq_row", "exp_avg_sq_col", "exp_avg_sq"])
        #expect(adafactor.states.map(\.buffer.count) == [19, 88, 5])
    }

    @Test(arguments: ["adamw", "adafactor"]) func gradientsThatAreZeroMoveNothing(name: String) throws {
        let optimiser = try Self.make(Self.method(name))
        let weights = Self.firstWeights()
        for _ in 0..<3 { Self.step(optimiser, weights, 1, huge: 0) }
        #expect(Self.isEqual(weights, Self.firstWeights()))
    }

    @Test func settingsOutsideTheirRangesAreRefused() {
        let error = #expect(throws: TuningError.self) { try AdamW(beta2: 1) }
        #expect(error?.description == "adam_beta2: expected a number from 0 and less than 1, found 1")
        #expect(throws: TuningError.self) { try AdamW(epsilon: 0) }
        #expect(throws: TuningError.self) { try LearningRates(rate: 0) }
        #expect(throws: TuningError.self) { try LearningRates(rate: 1e-3, loraPlusRatio: 0.5) }
        #expect(throws: TuningError.self) { try LearningRates(rate: 1e-3, weightDecay: -0.1) }
    }
}

@Suite struct GradientGuardTests {
    @Test func theNormIsThatOfAllGradientsTogether() throws {
        // An odd number of gradients, and a start that is not aligned: the squares of -2 to 3 and then nine times those of -3 to 3.
        let values = FloatBuffer((0..<70).map { Float($0 % 7) - 3 })
        #expect(GradientNorm.sumOfSquares(values.pointer + 1, 69) == 271)
        var clip = try GradientGuard(maximumNorm: 0.5)
        #expect(try clip.judge(sumOfSquares: 25) == .apply(scale: 0.5 / (5 + 1e-6), norm: 5))
        #expect(try clip.judge(sumOfSquares: 0.04) == .apply(scale: 1, norm: 0.2))
        var free = try GradientGuard(maximumNorm: nil)
        #expect(try free.judge(sumOfSquares: 1e12) == .apply(scale: 1, norm: 1e6))
    }

    @Test func theGreatestFiniteGradientIsFiniteAndOneInfinityIsNot() {
        let values = FloatBuffer([Float](repeating: .greatestFiniteMagnitude, count: 33))
        #expect(GradientNorm.sumOfSquares(values.pointer, 33).isFinite)
        for place in [0, 9, 20, 32] {
            values.pointer[place] = .infinity
            #expect(!GradientNorm.sumOfSquares(values.pointer, 33).isFinite)
            values.pointer[place] = .nan
            #expect(!GradientNorm.sumOfSquares(values.pointer, 33).isFinite)
            values.pointer[place] = 0
        }
    }

    @Test func theRunStopsAfterSomeStepsInARowThatWereLeftOut() throws {
        var clip = try GradientGuard(mostSkips: 3)
        #expect(try clip.judge(sumOfSquares: .nan) == .skip)
        #expect(try clip.judge(sumOfSquares: .infinity) == .skip)
        _ = try clip.judge(sumOfSquares: 1)
        #expect(clip.skipCount == 2)
        #expect(clip.consecutiveSkipCount == 0)
        var resumed = try GradientGuard(mostSkips: 3, skipCount: 5, consecutiveSkipCount: 1)
        #expect(try resumed.judge(sumOfSquares: .nan) == .skip)
        let error = #expect(throws: TuningError.self) { _ = try resumed.judge(sumOfSquares: .nan) }
        #expect(error?.code == .nonFinite)
        #expect(resumed.skipCount == 7)
    }
}
