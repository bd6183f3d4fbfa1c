import Foundation
import Generation
import Testing

@testable import Inference

@Suite("Sampler")
struct SamplerTests {
    private func sampler(_ change: (inout SamplingParameters) -> Void, logprobs: Int? = nil, prompt: [Int32] = []) -> Sampler {
        var parameters = SamplingParameters()
        change(&parameters)
        return Sampler(parameters, topLogprobs: logprobs, prompt: prompt, seed: 42)
    }

    private func choose(_ sampler: inout Sampler, _ logits: [Float]) -> SampledToken {
        var logits = logits
        let scratch = SamplerScratch(vocabulary: logits.count)
        return logits.withUnsafeMutableBufferPointer { sampler.sample($0, scratch: scratch) }
    }

    /// How often each token comes out of many draws.
    private func histogram(_ sampler: inout Sampler, _ logits: [Float], draws: Int = 4000) -> [Double] {
        var counts = [Double](repeating: 0, count: logits.count)
        for _ in 0..<draws { counts[Int(choose(&sampler, logits).token)] += 1 / Double(draws) }
        return counts
    }

    private func softmax(_ logits: [Double]) -> [Double] {
        let sum = logits.reduce(0) { $0 + exp($1) }
        return logits.map { exp($0) / sum }
    }

    @Test("temperature 0 takes the largest logit, the lower id in a tie")
    func greedy() {
        var sampler = sampler { $0.temperature = 0 }
        #expect(choose(&sampler, [1, 5, 5, 2]).token == 1)
    }

    @Test("draws follow the softmax of the scaled logits")
    func distribution() {
        for topP: Float in [1, 0.999999] {
            var sampler = sampler { $0.temperature = 2; $0.topP = topP; $0.seed = 7 }
            let logits: [Float] = [0, 1, 2, 3, -4]
            let found = histogram(&sampler, logits)
            for (found, expected) in zip(found, softmax(logits.map { Double($0) / 2 })) {
                #expect(abs(found - expected) < 0.03)
            }
        }
    }

    @Test("top-k, top-p and min-p keep exactly the tokens that their definitions keep", arguments: [21, 22, 23, 24])
    func cuts(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<20 {
            let logits = (0..<60).map { _ in Float.random(in: -8...8, using: &random) }
            let topK = Bool.random(using: &random) ? 0 : Int.random(in: 1...10, using: &random)
            let topP = Bool.random(using: &random) ? 1 : Float.random(in: 0.1...0.95, using: &random)
            let minP = Bool.random(using: &random) ? 0 : Float.random(in: 0.01...0.5, using: &random)
            // The definition, by sorting.
            var kept = logits.indices.sorted { logits[$0] > logits[$1] }
            if topK > 0 { kept = Array(kept.prefix(topK)) }
            let weights = kept.map { exp(Double(logits[$0])) }
            let total = weights.reduce(0, +)
            var sum = 0.0
            var allowed: Set<Int> = []
            for (index, weight) in zip(kept, weights) {
                if sum < Double(topP) * total, Float(weight / weights[0]) >= minP { allowed.insert(index) }
                sum += weight
            }
            var sampler = sampler { $0.topK = topK; $0.topP = topP; $0.minP = minP; $0.seed = seed }
            let found = histogram(&sampler, logits, draws: 400)
            let drawn = Set(found.indices.filter { found[$0] > 0 })
            #expect(drawn.isSubset(of: allowed), "k \(topK) p \(topP) min-p \(minP) seed \(seed)")
            let mass = allowed.reduce(0) { $0 + exp(Double(logits[$1])) }
            for index in allowed {
                let expected = exp(Double(logits[index])) / mass
                #expect(abs(found[index] - expected) < 0.12, "k \(topK) p \(topP) min-p \(minP) seed \(seed)")
            }
        }
    }

    @Test("a vocabulary of equal logits, of few finite ones, and one token that has it all")
    func extremes() {
        let flat = [Float](repeating: 1, count: 5000)
        var third = sampler { $0.topP = 0.5; $0.seed = 3 }
        let drawn = Set((0..<300).map { _ in choose(&third, flat).token })
        #expect(drawn.allSatisfy { $0 <= 2500 }, "ties go to the lower ids")
        #expect(drawn.count > 200)
        var twenty = sampler { $0.topK = 20; $0.seed = 3 }
        #expect(Set((0..<400).map { _ in choose(&twenty, flat).token }) == Set(0..<20))
        var odd = [Float](repeating: -.infinity, count: 300)
        (odd[7], odd[200]) = (2, 2)
        for topP: Float in [1, 0.9] {
            for minP: Float in [0, 0.1] {
                var few = sampler { $0.topP = topP; $0.minP = minP; $0.seed = 9 }
                #expect(Set((0..<100).map { _ in choose(&few, odd).token }) == [7, 200])
            }
        }
        var cold = sampler { $0.temperature = 1e-30; $0.topP = 0.9 }
        #expect(choose(&cold, [1, 4, 2]).token == 1)
    }

    @Test("a real vocabulary's top-p keeps what sorting keeps, at any temperature", arguments: [0.3, 1, 1.7])
    func wide(temperature: Double) {
        var random = SeededGenerator(seed: 77)
        // Bell-shaped, as real logits are.
        let logits = (0..<49_152).map { _ in (0..<6).reduce(Float(0)) { sum, _ in sum + Float.random(in: -3...3, using: &random) } }
        let sorted = logits.indices.sorted { logits[$0] > logits[$1] }
        let top = Double(logits[sorted[0]])
        let weights = sorted.map { exp((Double(logits[$0]) - top) / temperature) }
        let total = weights.reduce(0, +)
        var (allowed, sum) = (0, 0.0)
        while sum < 0.95 * total { (allowed, sum) = (allowed + 1, sum + weights[allowed]) }
        let rank = Dictionary(uniqueKeysWithValues: sorted.enumerated().map { (Int32($1), $0) })
        var sampler = sampler { $0.temperature = Float(temperature); $0.topP = 0.95; $0.seed = 1 }
        var row = logits
        let scratch = SamplerScratch(vocabulary: row.count)
        var deepest = 0
        row.withUnsafeMutableBufferPointer { row in
            for _ in 0..<400 { deepest = max(deepest, rank[sampler.sample(row, scratch: scratch).token] ?? .max) }
        }
        #expect(deepest < allowed + allowed / 1000 + 1)
        #expect(Double(deepest) > 0.5 * Double(allowed))
    }

    @Test("penalties and bias move the logits as OpenAI and transformers say")
    func penalties() {
        var bias = sampler { $0.temperature = 0; $0.logitBias = [2: 100] }
        #expect(choose(&bias, [5, 4, 0]).token == 2)

        var frequency = sampler { $0.temperature = 0; $0.frequencyPenalty = 1 }
        #expect((0..<5).map { _ in choose(&frequency, [2.5, 1, 0]).token } == [0, 0, 1, 0, 1])

        var presence = sampler { $0.temperature = 0; $0.presencePenalty = 2 }
        #expect((0..<3).map { _ in choose(&presence, [2.5, 1, -9]).token } == [0, 1, 0])

        var repetition = sampler({ $0.temperature = 0; $0.repetitionPenalty = 2 }, prompt: [0])
        #expect(choose(&repetition, [3, 2, -1]).token == 1)
    }

    @Test("a seed replays the same tokens, and another seed gives others")
    func seeds() {
        let logits = [Float](repeating: 1, count: 1000)
        func run(_ seed: UInt64) -> [Int32] {
            var sampler = sampler { $0.seed = seed }
            return (0..<20).map { _ in choose(&sampler, logits).token }
        }
        #expect(run(5) == run(5))
        #expect(run(5) != run(6))
    }

    @Test("log-probabilities are those of the whole vocabulary, before temperature, largest first")
    func logprobs() {
        var sampler = sampler({ $0.temperature = 0 }, logprobs: 3)
        let logits: [Float] = [1, 3, 2, -5]
        let choice = choose(&sampler, logits)
        let expected = softmax(logits.map(Double.init)).map { log($0) }
        #expect(choice.alternatives.map(\.token) == [1, 2, 0])
        #expect(abs(Double(choice.logprob) - expected[1]) < 1e-5)
        for alternative in choice.alternatives {
            #expect(abs(Double(alternative.logprob) - expected[Int(alternative.token)]) < 1e-5)
        }
    }

    @Test("logits that are not numbers give a failure instead of a token, greedy, sampled and with log-probabilities")
    func notFinite() {
        let bad: [[Float]] = [
            [.nan, .nan, .nan], [1, .nan, 2], [1, 2, .infinity], [-.infinity, -.infinity, -.infinity], [.infinity, .nan, 0],
        ]
        for logits in bad {
            for temperature: Float in [0, 1] {
                for logprobs in [nil, 2] {
                    var sampler = sampler({ $0.temperature = temperature }, logprobs: logprobs)
                    #expect(choose(&sampler, logits).failure == .logitsNotFinite, "\(logits)")
                }
            }
        }
        for temperature: Float in [0, 1] {
            var sampler = sampler { $0.temperature = temperature }
            #expect(choose(&sampler, [Float](repeating: 0, count: 1000)).failure == .logitsZero)
            #expect(choose(&sampler, [0, -0.0, 0]).failure == .logitsZero)
            #expect(choose(&sampler, [0, 1e-30, 0]).failure == nil)
        }
        var huge = sampler { $0.temperature = 0 }
        #expect(choose(&huge, [1e30, -3e38, 2e30]).token == 2)
        #expect(choose(&huge, [1e30, -3e38, 2e30]).failure == nil)
        #expect(choose(&huge, [1, -.infinity, 0]).failure == nil)
    }

    /// Allows each token once.
    private struct Once: TokenConstraint {
        var left: Set<Int32>

        func mask(_ logits: UnsafeMutableBufferPointer<Float>) {
            for index in logits.indices where !left.contains(Int32(index)) { logits[index] = -.infinity }
        }
        func allows(_ token: Int32) -> Bool { left.contains(token) }
        mutating func accept(_ token: Int32) { left.remove(token) }
    }

    @Test("a constraint leaves only the tokens that it allows, after penalties; log-probabilities are those before it; none left is a failure")
    func constraint() {
        for temperature: Float in [0, 0.8] {
            var parameters = SamplingParameters()
            parameters.temperature = temperature
            parameters.logitBias = [0: 50]
            parameters.frequencyPenalty = 1
            var sampler = Sampler(parameters, topLogprobs: 5, prompt: [], seed: 1, constraint: Once(left: [0, 2, 3]))
            var drawn: [Int32] = []
            for left in stride(from: 3, through: 1, by: -1) {
                let choice = choose(&sampler, [1, 9, 2, 3])
                #expect(choice.failure == nil && choice.alternatives.count == 4 && left > 0)
                #expect(abs(choice.alternatives.reduce(0) { $0 + exp($1.logprob) } - 1) < 1e-5)
                drawn.append(choice.token)
            }
            #expect(drawn[0] == 0 && Set(drawn) == [0, 2, 3])
            #expect(choose(&sampler, [1, 9, 2, 3]).failure == .nothingAllowed)
        }
    }
}
