import Generation
import Tensors

/// Draws the tokens of one sequence.
///
/// Stages, in order: logit bias, penalties, the mask of rules, log-probabilities, the mask of the constraint; then at temperature 0 the
/// argmax (lowest id wins a tie), otherwise temperature, top-k, top-p, min-p, typical-p and one draw; near the limit of tokens the
/// constraint may replace the token. Works in place on the row of logits that the step
/// produced; `O(vocabulary)` without sorting it. Allocates only for penalties (a count of each token) and log-probabilities.
///
/// The n-th draw depends on the seed and n alone, so a sequence gets the same tokens whether they are verified together or
/// computed one by one. Logits that are not finite, or that are all 0, give no token but a failure.
struct Sampler: Sendable {
    let parameters: SamplingParameters
    /// Alternatives with each token; nil computes no log-probabilities.
    let topLogprobs: Int?
    private let random: RandomSource
    /// Count of each generated token, where a penalty needs it.
    private var generated: [Int32: Int] = [:]
    private let prompt: Set<Int32>
    private var draws = 0
    /// Tokens that the answer may still have; nil: any number.
    private var remaining: Int?
    /// In the state after the tokens drawn so far.
    private(set) var constraint: (any TokenConstraint)?
    private var rules: TokenRules?

    /// - Parameters:
    ///   - seed: used where the request names none.
    ///   - most: tokens of the answer; nil: any number.
    init(
        _ parameters: SamplingParameters, topLogprobs: Int?, prompt: [Int32], seed: UInt64, constraint: (any TokenConstraint)? = nil,
        rules: TokenRules? = nil, most: Int? = nil
    ) {
        remaining = most
        self.rules = rules
        self.constraint = constraint
        self.parameters = parameters
        self.topLogprobs = topLogprobs
        random = RandomSource(seed: parameters.seed ?? seed)
        self.prompt = parameters.repetitionPenalty != 1 ? Set(prompt) : []
    }

    /// - Parameter logits: `[vocabulary]`, overwritten.
    mutating func sample(_ logits: UnsafeMutableBufferPointer<Float>, scratch: SamplerScratch) -> SampledToken {
        guard let row = logits.baseAddress else { return SampledToken(token: 0) }
        if let failure = failure(of: logits) { return SampledToken(token: 0, failure: failure) }
        adjust(logits)
        rules?.mask(logits)
        // A grammar takes nothing from the log-probabilities: they are the model's.
        let whole = constraint == nil ? nil : logprobs(logits, best: Kernels.maximumIndex(row, count: logits.count))
        let best = restrict(logits, row)
        guard logits[best] > -.infinity else { return SampledToken(token: 0, failure: .nothingAllowed) }
        let token = closing(draw(logits, best: best, scratch))
        if countsTokens { generated[token, default: 0] += 1 }
        constraint?.accept(token)
        rules?.accept(token)
        guard let found = whole ?? logprobs(logits, best: best) else { return SampledToken(token: token) }
        return SampledToken(token: token, logprob: found.all[token], alternatives: found.largest)
    }

    /// The most probable tokens, and what gives others' log-probabilities; nil where the request asked for none.
    private func logprobs(
        _ logits: UnsafeMutableBufferPointer<Float>, best: Int
    ) -> (all: LogProbabilities, largest: [(token: Int32, logprob: Float)])? {
        guard let topLogprobs else { return nil }
        let all = LogProbabilities(logits, maximum: logits[best])
        return (all, all.largest(topLogprobs))
    }

    /// Applies the constraint's mask and the rules' about ends; returns the index of the largest logit that is left. At temperature 0 a
    /// best token that is allowed needs no mask.
    private mutating func restrict(_ logits: UnsafeMutableBufferPointer<Float>, _ row: UnsafeMutablePointer<Float>) -> Int {
        if let constraint {
            if parameters.temperature <= 0, rules == nil {
                let best = Kernels.maximumIndex(row, count: logits.count)
                if constraint.allows(Int32(best)) { return best }
            }
            self.constraint?.mask(logits)
        }
        rules?.maskEnds(logits)
        return Kernels.maximumIndex(row, count: logits.count)
    }

    /// The token, or what comes instead of it because few are left. Rules may forbid that, so with them nothing is replaced.
    private mutating func closing(_ token: Int32) -> Int32 {
        guard let remaining else { return token }
        self.remaining = remaining - 1
        return rules == nil ? constraint?.replacement(for: token, remaining: remaining) ?? token : token
    }

    /// The constraint's answer is over.
    mutating func isComplete() -> Bool { constraint?.isComplete() ?? false }

    mutating func forcedTokens(most: Int) -> [Int32] { constraint?.forcedTokens(most: most) ?? [] }

    /// Nil where some logit is finite and not 0, and none is NaN or infinitely large; one that is `-infinity` is never drawn.
    private func failure(of logits: UnsafeMutableBufferPointer<Float>) -> SampledToken.Failure? {
        guard let row = logits.baseAddress else { return .logitsNotFinite }
        // The sum of squares is finite where all logits are: one more pass over what lies in the cache.
        let squares = Kernels.dot(row, row, count: logits.count)
        if squares == 0 { return logits.allSatisfy { $0 == 0 } ? .logitsZero : nil }
        if squares.isFinite { return nil }
        return logits.allSatisfy { $0 < .infinity } && logits.contains { $0 > -.infinity } ? nil : .logitsNotFinite
    }

    private var hasPenalties: Bool { parameters.presencePenalty != 0 || parameters.frequencyPenalty != 0 }
    private var countsTokens: Bool { hasPenalties || parameters.repetitionPenalty != 1 }

    private func adjust(_ logits: UnsafeMutableBufferPointer<Float>) {
        for (token, bias) in parameters.logitBias where logits.indices.contains(Int(token)) { logits[Int(token)] += bias }
        if parameters.repetitionPenalty != 1 {
            for token in prompt { penalize(&logits[Int(token)]) }
            for token in generated.keys where !prompt.contains(token) { penalize(&logits[Int(token)]) }
        }
        guard hasPenalties else { return }
        for (token, count) in generated {
            logits[Int(token)] -= parameters.presencePenalty + parameters.frequencyPenalty * Float(count)
        }
    }

    private func penalize(_ logit: inout Float) {
        logit = logit > 0 ? logit / parameters.repetitionPenalty : logit * parameters.repetitionPenalty
    }

    private mutating func draw(
        _ logits: UnsafeMutableBufferPointer<Float>, best: Int, _ scratch: SamplerScratch
    ) -> Int32 {
        guard parameters.temperature > 0 else { return Int32(best) }
        let draw = draws
        draws += 1
        let distribution = Distribution(logits, best: best, temperature: parameters.temperature, scratch: scratch)
        return Int32(
            distribution.draw(topK: parameters.topK, topP: parameters.topP, minP: parameters.minP, typicalP: parameters.typicalP) {
                random.uniform(draw, attempt: $0)
            })
    }
}
