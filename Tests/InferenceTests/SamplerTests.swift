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

    private func choose(_ sampler: inout Sampler, _ logits: [Float]) -> Sampler.Choice {
        var logits = logits
        return logits.withUnsafeMutableBufferPointer { sampler.sample($0) }
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
        }
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
        let logits = [Float](repeating: 0, count: 1000)
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
}
