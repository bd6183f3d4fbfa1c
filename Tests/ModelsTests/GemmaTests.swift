import Foundation
import Tensors
import Testing
import Weights

@testable import Models

@Suite(
    "Gemma 3 270M, Q4_K_M, against transformers",
    .enabled(if: FileManager.default.fileExists(atPath: gemmaPath), "models/gemma-3-270m.gguf is absent: scripts/models gemma"))
struct GemmaTests {
    static func fixture() throws -> SafetensorsFile {
        try SafetensorsFile.open(fixtures.appendingPathComponent("gemma.safetensors").path)
    }

    @Test("the configuration out of the file")
    func configuration() throws {
        let files = try ModelFiles.open(gemmaPath)
        let configuration = files.configuration
        #expect(configuration.architecture == .gemma3 && configuration.tiedHead && configuration.biases.isEmpty)
        #expect((configuration.vocabulary, configuration.hidden, configuration.layers) == (262_144, 640, 18))
        #expect((configuration.heads, configuration.keyValueHeads, configuration.headDimension) == (4, 1, 256))
        #expect((configuration.feedForward, configuration.contextLength) == (2048, 32768))
        #expect(configuration.fullLayers == [5, 11, 17] && configuration.slidingWindow == 512)
        #expect(configuration.rope == RotaryEmbedding(base: 1_000_000) && configuration.attentionScale == 0.0625)
        #expect(files.rowOrder(.query) == nil && files.normOffset == 0 && files.chatTemplate == nil)
    }

    @Test("reference logits within 1e-3, also where the window of 512 hides the beginning")
    func logits() throws {
        let decoder = try StepWorkspace(ModelFiles.open(gemmaPath), precision: .reference, pool: ReferenceDecoderTests.pool)
        let file = try Self.fixture()
        for text in 0..<3 {
            let rows = try Sequence(file.tensor("\(text).tokens").int32s()).logits(decoder)
            let worst = try RealModelTests.difference(rows, file, "\(text)")
            print("Gemma, text \(text): logits within \(worst) of transformers")
            #expect(worst < 1e-3)
        }
        let tokens = Array(try file.tensor("long.tokens").int32s()[..<700])
        let cache = decoder.makeCache(blocks: 44)
        let blocks = Array(0..<Int32(44))
        let start = tokens.count - 24
        _ = decoder.rows(
            StepBatch(
                tokens: Array(tokens[..<start]),
                runs: [.init(tokens: 0..<start, startPosition: 0, blocks: blocks, logits: .none)]), cache)
        let rows = decoder.rows(
            StepBatch(
                tokens: Array(tokens[start...]),
                runs: [.init(tokens: 0..<24, startPosition: start, blocks: blocks, logits: .all)]), cache)
        let worst = try RealModelTests.difference(rows, file, "long")
        print("Gemma, 700 tokens: logits within \(worst) of transformers")
        #expect(worst < 1e-3)
    }

    /// Over 1,400 teacher-forced tokens of GSM8K in two texts.
    @Test("the fast path: mean KL at most 0.006, same argmax at 96 % of positions")
    func fastPath() throws {
        let file = try Self.fixture()
        let texts = try file.tensor("long.tokens")
        let (tokens, expected) = (texts.int32s(), try file.tensor("long.next_log_likelihoods").floats())
        let files = try ModelFiles.open(gemmaPath)
        let pool = WorkerPool(threads: 2)
        let reference = try StepWorkspace(files, precision: .reference, pool: pool)
        let fast = try StepWorkspace(files, precision: .fast, pool: pool)
        let length = texts.columns
        var agreement = Agreement()
        for text in 0..<texts.rows {
            agreement.add(
                Array(tokens[text * length..<(text + 1) * length]), reference, fast, chunk: 100,
                nextLogLikelihoods: Array(expected[text * (length - 1)..<(text + 1) * (length - 1)]))
        }
        print("Gemma, fast path \(agreement)")
        #expect(agreement.count == 1400)
        #expect(agreement.worst < 5e-3)
        #expect(agreement.meanDivergence <= 0.006)
        #expect(agreement.sameArgmax >= 0.96)
    }

    @Test("batch invariance, bit for bit")
    func invariance() throws {
        try BatchInvarianceTests.check(gemmaPath, longest: 12, rounds: 2, maximumRows: 7)
    }
}
