internal import Glibc

import Generation
import Tensors

/// Draws the tokens of one sequence.
///
/// Stages, in order: logit bias, penalties, log-probabilities; then at temperature 0 the argmax (lowest id wins a tie),
/// otherwise temperature, top-k, top-p, min-p and one draw. Works in place on the row of logits that the step produced;
/// `O(vocabulary)` without sorting it. Engine thread.
struct Sampler: Sendable {
    let parameters: SamplingParameters
    /// Alternatives with each token; nil computes no log-probabilities.
    let topLogprobs: Int?
    private let random: RandomSource
    /// How often each token was generated.
    private var generated: [Int32: Int] = [:]
    private var prompt: Set<Int32> = []
    private var draws = 0

    struct Choice {
        var token: Int32
        var logprob: Float
        var alternatives: [(token: Int32, logprob: Float)]
    }

    /// - Parameter seed: used where the request names none.
    init(_ parameters: SamplingParameters, topLogprobs: Int?, prompt: [Int32], seed: UInt64) {
        self.parameters = parameters
        self.topLogprobs = topLogprobs
        random = RandomSource(seed: parameters.seed ?? seed)
        if parameters.repetitionPenalty != 1 { self.prompt = Set(prompt) }
    }

    /// - Parameter logits: `[vocabulary]`, overwritten.
    mutating func sample(_ logits: UnsafeMutableBufferPointer<Float>) -> Choice {
        adjust(logits)
        let best = logits.baseAddress.map { Kernels.maximumIndex($0, count: logits.count) } ?? 0
        let token: Int32
        var choice = Choice(token: 0, logprob: 0, alternatives: [])
        if let topLogprobs {
            let normalizer = logSumExp(logits, maximum: logits[best])
            choice.alternatives = largest(topLogprobs, of: logits).map { (Int32($0), logits[$0] - normalizer) }
            token = draw(logits, best: best, keeping: { choice.logprob = $0 - normalizer })
        } else {
            token = draw(logits, best: best, keeping: { _ in })
        }
        choice.token = token
        generated[token, default: 0] += 1
        return choice
    }

    private func adjust(_ logits: UnsafeMutableBufferPointer<Float>) {
        for (token, bias) in parameters.logitBias where logits.indices.contains(Int(token)) { logits[Int(token)] += bias }
        if parameters.repetitionPenalty != 1 {
            for token in prompt.union(generated.keys) where logits.indices.contains(Int(token)) {
                let logit = logits[Int(token)]
                logits[Int(token)] = logit > 0 ? logit / parameters.repetitionPenalty : logit * parameters.repetitionPenalty
            }
        }
        guard parameters.presencePenalty != 0 || parameters.frequencyPenalty != 0 else { return }
        for (token, count) in generated {
            logits[Int(token)] -= parameters.presencePenalty + parameters.frequencyPenalty * Float(count)
        }
    }

    private mutating func draw(
        _ logits: UnsafeMutableBufferPointer<Float>, best: Int, keeping note: (Float) -> Void
    ) -> Int32 {
        guard parameters.temperature > 0 else {
            note(logits[best])
            return Int32(best)
        }
        let uniform = random.uniform(draws)
        draws += 1
        let distribution = Distribution(logits, best: best, temperature: parameters.temperature)
        let token =
            parameters.topK == 0 && parameters.topP >= 1
            ? distribution.draw(uniform, minP: parameters.minP)
            : distribution.draw(uniform, topK: parameters.topK, topP: parameters.topP, minP: parameters.minP)
        note(logits[token])
        return Int32(token)
    }

    private func logSumExp(_ logits: UnsafeMutableBufferPointer<Float>, maximum: Float) -> Float {
        var sum = 0.0
        for logit in logits { sum += Double(expf(logit - maximum)) }
        return maximum + Float(log(sum))
    }

    /// Indices of the `count` largest values, largest first, lower index first in a tie: `O(vocabulary + count^2)` typically.
    private func largest(_ count: Int, of values: UnsafeMutableBufferPointer<Float>) -> [Int] {
        var kept: [Int] = []
        guard count > 0 else { return kept }
        for index in values.indices {
            if kept.count == count, let last = kept.last, values[index] <= values[last] { continue }
            var place = kept.count
            while place > 0, values[kept[place - 1]] < values[index] { place -= 1 }
            kept.insert(index, at: place)
            if kept.count > count { kept.removeLast() }
        }
        return kept
    }
}
