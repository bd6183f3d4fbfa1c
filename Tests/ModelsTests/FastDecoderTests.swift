import Foundation
import Tensors
import Testing
import Weights

@testable import Models

@Suite("the fast path against the reference path")
struct FastDecoderTests {
    @Test("tiny models come out near", arguments: ReferenceDecoderTests.names)
    func tiny(name: String) throws {
        let expected = try ReferenceDecoderTests.expected(name)
        let logits = try Sequence(expected.tokens).logits(ReferenceDecoderTests.decoder(name, .fast))
        let width = expected.logits.count / logits.count
        let differences = logits.enumerated().map { row, own in
            relativeDifference(own, Array(expected.logits[row * width..<(row + 1) * width]))
        }
        // int8 activations and weights and f16 keys and values on widths of 40 to 60: little averages out. Where rounding changes the choice of
        // experts, a row of a mixture comes out far.
        let isMixture = ["mixtral", "qwen3moe", "gptoss"].contains { name.hasPrefix($0) }
        #expect(differences.count { $0 >= 0.15 } <= (isMixture ? differences.count / 10 : 0), "\(differences)")
        #expect(differences.sorted()[differences.count / 2] < 0.08)
    }

    @Test(
        "patches of every kind and branches do the same", arguments: [
            "llama", "mistral", "qwen2", "qwen3", "gemma3_text", "smollm3", "phi3", "olmo2", "mixtral",
        ], [false, true])
    func patches(type: String, isBranched: Bool) throws {
        let model = try TinyModel(TinyModel.config(type, type == "mixtral" ? ["num_local_experts": 3, "num_experts_per_tok": 3] : [:]))
        let files = try ModelFiles.open(model.path)
        // Every expert of a mixture is chosen: a choice that rounding changes would change more than rounding.
        var random = TinyModel.Random(seed: 5)
        let delta =
            isBranched
            ? try Deltas.branches(files.configuration, &random) : try Deltas.mixed(files.configuration, &random)
        let tokens: [Int32] = Array(20..<60)
        func rows(_ precision: ModelPrecision, _ delta: AdapterDelta?) throws -> [Float] {
            let decoder = try StepWorkspace(files, precision: precision, pool: ReferenceDecoderTests.pool)
            return Sequence(tokens, delta: delta).logits(decoder).flatMap { $0 }
        }
        let reference = try rows(.reference, delta)
        let (fast, base) = (try rows(.fast, delta), try rows(.reference, nil))
        #expect(relativeDifference(fast, reference) < 0.06)
        #expect(relativeDifference(base, reference) > (isBranched ? 0.08 : 0.2))
    }

    /// Over 2,400 teacher-forced tokens of GSM8K.
    @Test(
        "mean KL at most 0.006, same argmax at 96 % of positions, perplexity within 0.8 %, the reference's as transformers has it",
        arguments: KeyValueFormat.allCases)
    func realText(format: KeyValueFormat) throws {
        let file = try SafetensorsFile.open(fixtures.appendingPathComponent("kl_text.safetensors").path)
        let texts = try file.tensor("tokens")
        let tokens = texts.int32s()
        let expected = try file.tensor("next_log_likelihoods").floats()
        let files = try ModelFiles.open(baseModelPath)
        let pool = WorkerPool(threads: 2)
        let reference = try StepWorkspace(files, precision: .reference, pool: pool)
        let fast = try StepWorkspace(files, precision: .fast, pool: pool, keyValueFormat: format)
        var agreement = Agreement()
        let length = texts.columns
        for text in 0..<texts.rows {
            agreement.add(
                Array(tokens[text * length..<(text + 1) * length]), reference, fast, chunk: length,
                nextLogLikelihoods: Array(expected[text * (length - 1)..<(text + 1) * (length - 1)]))
        }
        print("fast path, keys and values in \(format.rawValue), \(agreement)")
        #expect(agreement.count >= 2000)
        #expect(agreement.meanDivergence <= 0.006)
        #expect(agreement.sameArgmax >= 0.96)
        #expect(abs(agreement.perplexityChange) <= 0.008)
        #expect(agreement.worst < 2e-3)
    }
}

@Suite("real adapters on the fast path")
struct FastAdapterTests {
    /// On texts of their own tasks, beside the same adapters in f32 on the reference path.
    @Test("int8 is as near as bf16: mean KL at most 0.006")
    func agreement() throws {
        let files = try ModelFiles.open(baseModelPath)
        let pool = WorkerPool(threads: 2)
        let (reference, fast) = (
            try StepWorkspace(files, precision: .reference, pool: pool), try StepWorkspace(files, precision: .fast, pool: pool)
        )
        let stored = try SafetensorsFile.open(
            repository.appendingPathComponent("Tests/AdaptersTests/Fixtures/logits.safetensors").path)
        var (int8, bf16) = (Agreement(), Agreement())
        for name in ["bash", "sql", "data2text", "intent", "math"] {
            let exact = try Deltas.real(name, files.configuration)
            for text in 0..<2 {
                let tokens = try stored.tensor("\(name).\(text).tokens").int32s()
                func add(_ agreement: inout Agreement, _ element: LowRank.Element) throws {
                    let delta = try Deltas.real(name, files.configuration, element: element)
                    agreement.add(tokens, reference, fast, deltas: (exact, delta), chunk: 512)
                }
                try add(&int8, .int8)
                try add(&bf16, .bf16)
            }
        }
        print("adapters in int8 on the fast path \(int8)")
        print("adapters in bf16 on the fast path \(bf16)")
        #expect(int8.count > 250)
        #expect(int8.meanDivergence <= 0.006)
        #expect(int8.meanDivergence <= 1.25 * bf16.meanDivergence)
    }
}

/// How far the fast path is from the reference path over teacher-forced texts, and that from `transformers`.
struct Agreement: CustomStringConvertible {
    private var divergence = 0.0
    private var same = 0
    private(set) var count = 0
    /// The greatest difference of the reference path's log-likelihoods from stored ones.
    private(set) var worst = Float(0)
    /// Sums of log-likelihoods of the next tokens.
    private var (reference, fast) = (0.0, 0.0)

    var meanDivergence: Double { divergence / Double(count) }
    var sameArgmax: Double { Double(same) / Double(count) }
    /// The fast path's, less the reference path's, as a part of that.
    var perplexityChange: Double { exp((reference - fast) / Double(count)) - 1 }

    var description: String {
        "over \(count) tokens: mean KL \(meanDivergence), same argmax \(sameArgmax), perplexity \(100 * perplexityChange) % more; "
            + "reference log-likelihoods within \(worst)"
    }

    /// A text of `nextLogLikelihoods.count + 1` tokens, if there are any, in steps of `chunk`.
    mutating func add(
        _ tokens: [Int32], _ one: StepWorkspace, _ other: StepWorkspace, deltas: (AdapterDelta?, AdapterDelta?) = (nil, nil), chunk: Int,
        nextLogLikelihoods: [Float] = []
    ) {
        let blocks = (tokens.count + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens
        let caches = (one.makeCache(blocks: blocks), other.makeCache(blocks: blocks))
        for start in stride(from: 0, to: tokens.count, by: chunk) {
            let range = start..<min(start + chunk, tokens.count)
            let (own, others) = (
                Distributions(tokens, range, one, caches.0, deltas.0), Distributions(tokens, range, other, caches.1, deltas.1)
            )
            for position in range {
                divergence += own.divergence(from: others, at: position - start)
                same += own.argmax(position - start) == others.argmax(position - start) ? 1 : 0
                count += 1
                guard position + 1 < tokens.count else { continue }
                let likelihood = own.logLikelihood(of: tokens[position + 1], at: position - start)
                if !nextLogLikelihoods.isEmpty { worst = max(worst, abs(likelihood - nextLogLikelihoods[position])) }
                reference += Double(likelihood)
                fast += Double(others.logLikelihood(of: tokens[position + 1], at: position - start))
            }
        }
    }
}

/// Logits of a part of a text and the distributions that they are; positions count from the part's start.
private final class Distributions {
    let vocabulary: Int
    let logits: FloatBuffer
    let probabilities: FloatBuffer

    /// `cache` holds what is before `range`.
    init(_ tokens: [Int32], _ range: Range<Int>, _ decoder: StepWorkspace, _ cache: KeyValueCache, _ delta: AdapterDelta?) {
        vocabulary = decoder.configuration.vocabulary
        logits = FloatBuffer(count: range.count * vocabulary)
        probabilities = FloatBuffer(count: range.count * vocabulary)
        decoder.step(
            StepBatch(
                tokens: Array(tokens[range]),
                runs: [
                    .init(
                        tokens: 0..<range.count, startPosition: range.lowerBound, blocks: Array(0..<Int32(cache.blocks)),
                        delta: delta, logits: .all)
                ]),
            cache: cache, logits: logits.pointer)
        probabilities.pointer.update(from: logits.pointer, count: range.count * vocabulary)
        for row in 0..<range.count { Kernels.softmax(probabilities.pointer + row * vocabulary, count: vocabulary) }
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
