import Foundation
import Tensors
import Testing
import Weights

@testable import Models

@Suite("the fast path against the reference path")
struct FastDecoderTests {
    @Test("tiny models come out near", arguments: ["llama", "llama3", "mistral", "qwen2", "qwen3"])
    func tiny(name: String) throws {
        let expected = try ReferenceDecoderTests.expected(name)
        let logits = try Sequence(expected.tokens).logits(ReferenceDecoderTests.decoder(name, .fast))
        // int8 activations and weights and f16 keys and values on widths of 40 to 60: little averages out.
        #expect(relativeDifference(logits.flatMap { $0 }, expected.logits) < 0.15)
    }

    @Test("patches of every kind do the same", arguments: ["llama", "mistral", "qwen2", "qwen3"])
    func patches(type: String) throws {
        let model = try TinyModel(TinyModel.config(type))
        let files = try ModelFiles.open(model.path)
        var random = TinyModel.Random(seed: 5)
        let delta = try Deltas.mixed(files.configuration, &random)
        let tokens: [Int32] = Array(20..<60)
        func rows(_ precision: Decoder.Precision, _ delta: AdapterDelta?) throws -> [Float] {
            let decoder = try Decoder(files, precision: precision, pool: ReferenceDecoderTests.pool)
            return Sequence(tokens, delta: delta).logits(decoder).flatMap { $0 }
        }
        let reference = try rows(.reference, delta)
        let (fast, base) = (try rows(.fast, delta), try rows(.reference, nil))
        #expect(relativeDifference(fast, reference) < 0.06)
        #expect(relativeDifference(base, reference) > 0.2)
    }

    /// Over 2,400 teacher-forced tokens of GSM8K.
    @Test("mean KL at most 0.006, same argmax at 96 % of positions, perplexity as transformers has it")
    func realText() throws {
        let file = try SafetensorsFile.open(fixtures.appendingPathComponent("kl_text.safetensors").path)
        let texts = try file.tensor("tokens")
        let tokens = texts.int32s()
        let expected = try file.tensor("next_log_likelihoods").floats()
        let files = try ModelFiles.open(baseModelPath)
        let pool = WorkerPool(threads: 2)
        let reference = try Decoder(files, precision: .reference, pool: pool)
        let fast = try Decoder(files, precision: .fast, pool: pool)
        var (divergence, same, count, worst) = (0.0, 0, 0, Float(0))
        let length = texts.columns
        for text in 0..<texts.rows {
            let own = Array(tokens[text * length..<(text + 1) * length])
            let (one, other) = (Distributions(own, reference), Distributions(own, fast))
            for position in 0..<length {
                divergence += one.divergence(from: other, at: position)
                same += one.argmax(position) == other.argmax(position) ? 1 : 0
                count += 1
                if position + 1 < length {
                    let likelihood = one.logLikelihood(of: own[position + 1], at: position)
                    worst = max(worst, abs(likelihood - expected[text * (length - 1) + position]))
                }
            }
        }
        let (mean, share) = (divergence / Double(count), Double(same) / Double(count))
        print("fast path over \(count) tokens: mean KL \(mean), same argmax \(share); reference log-likelihoods within \(worst)")
        #expect(count >= 2000)
        #expect(mean <= 0.006)
        #expect(share >= 0.96)
        #expect(worst < 2e-3)
    }
}

/// Logits of one text and the distributions that they are.
private final class Distributions {
    let vocabulary: Int
    let logits: FloatBuffer
    let probabilities: FloatBuffer

    init(_ tokens: [Int32], _ decoder: Decoder) {
        vocabulary = decoder.configuration.vocabulary
        let count = (tokens.count + 15) / 16
        let cache = decoder.makeCache(blocks: count)
        logits = FloatBuffer(count: tokens.count * vocabulary)
        probabilities = FloatBuffer(count: tokens.count * vocabulary)
        decoder.step(
            StepBatch(
                tokens: tokens,
                runs: [.init(tokens: 0..<tokens.count, startPosition: 0, blocks: Array(0..<Int32(count)), logits: .all)]),
            cache: cache, logits: logits.pointer)
        probabilities.pointer.update(from: logits.pointer, count: tokens.count * vocabulary)
        for row in 0..<tokens.count { Kernels.softmax(probabilities.pointer + row * vocabulary, count: vocabulary) }
    }

    func argmax(_ position: Int) -> Int {
        Kernels.maximumIndex(logits.pointer + position * vocabulary, count: vocabulary)
    }

    /// `log sum exp` of a position's logits.
    private func logSum(_ position: Int) -> Float {
        let index = position * vocabulary + argmax(position)
        return logits.pointer[index] - log(probabilities.pointer[index])
    }

    func logLikelihood(of token: Int32, at position: Int) -> Float {
        logits.pointer[position * vocabulary + Int(token)] - logSum(position)
    }

    /// `sum p (log p - log q)` for q of the other.
    func divergence(from other: Distributions, at position: Int) -> Double {
        let start = position * vocabulary
        let own = Kernels.dot(probabilities.pointer + start, logits.pointer + start, count: vocabulary)
        let cross = Kernels.dot(probabilities.pointer + start, other.logits.pointer + start, count: vocabulary)
        return Double(own - logSum(position)) - Double(cross - other.logSum(position))
    }
}
