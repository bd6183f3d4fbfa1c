import Tensors
import Testing
import Weights

@testable import Models

@Suite("the reference path against transformers")
struct ReferenceDecoderTests {
    static let pool = WorkerPool(threads: 2)

    static func decoder(_ name: String, _ precision: ModelPrecision = .reference, maximumRows: Int = 512) throws -> StepWorkspace {
        try StepWorkspace(
            ModelFiles.open(fixtures.appendingPathComponent("tiny/\(name)").path), precision: precision, pool: pool,
            maximumRows: maximumRows)
    }

    static func expected(_ name: String) throws -> (tokens: [Int32], logits: [Float]) {
        let file = try SafetensorsFile.open(fixtures.appendingPathComponent("tiny/\(name)/expected.safetensors").path)
        return (try file.tensor("tokens").int32s(), try file.tensor("logits").floats())
    }

    static let names = [
        "llama", "llama3", "mistral", "qwen2", "qwen3", "gemma3", "gemma3-scaled", "gemma", "gemma2", "gemma3-part", "smollm3", "granite", "phi3",
        "phi3-long", "olmo2", "ministral3", "yarn", "mixtral", "qwen3moe", "qwen3moe-plain", "gptoss", "gptoss-mxfp4",
    ]
    /// Those that are also there as GGUF files.
    static let ggufNames = [
        "gemma3", "gemma", "gemma2", "smollm3", "granite", "phi3", "phi3-long", "olmo2", "ministral3", "yarn", "mixtral", "qwen3moe",
        "gptoss", "gptoss-mxfp4",
    ]

    @Test("tiny models within 1e-4", arguments: names)
    func tiny(name: String) throws {
        let expected = try Self.expected(name)
        let logits = try Sequence(expected.tokens).logits(Self.decoder(name))
        #expect(relativeDifference(logits.flatMap { $0 }, expected.logits) < 1e-4)
    }

    @Test("a model out of a GGUF file is the one of the folder", arguments: ggufNames)
    func gguf(name: String) throws {
        let expected = try Self.expected(name)
        let files = try ModelFiles.open(fixtures.appendingPathComponent("tiny/\(name)/model.gguf").path)
        let folder = try ModelFiles.open(fixtures.appendingPathComponent("tiny/\(name)").path)
        var configuration = files.configuration
        configuration.name = folder.configuration.name
        #expect(configuration == folder.configuration)
        let decoder = try StepWorkspace(files, precision: .reference, pool: Self.pool)
        let logits = Sequence(expected.tokens).logits(decoder)
        #expect(relativeDifference(logits.flatMap { $0 }, expected.logits) < 1e-4)
    }

    @Test("a short sequence takes LongRoPE's short factors, in one step with others that do not")
    func shortFactors() throws {
        let folder = fixtures.appendingPathComponent("tiny/phi3-long").path
        let expected = try Self.expected("phi3-long")
        let short = try SafetensorsFile.open("\(folder)/expected.safetensors").tensor("short_logits").floats()
        let vocabulary = short.count / 32
        for path in [folder, "\(folder)/model.gguf"] {
            let files = try ModelFiles.open(path)
            var sequence = Sequence(Array(expected.tokens.prefix(32)))
            sequence.isShort = files.configuration.rope.isShort(32)
            let decoder = try StepWorkspace(files, precision: .reference, pool: Self.pool)
            for chunk in [Int.max, 5] {
                #expect(relativeDifference(sequence.logits(decoder, chunk: chunk).flatMap { $0 }, short) < 1e-4)
            }
            #expect(relativeDifference(Array(expected.logits.prefix(short.count)), short) > 0.02)
            let fast = try StepWorkspace(files, precision: .fast, pool: Self.pool)
            let long = Sequence(expected.tokens, firstBlock: 2)
            let batch = StepBatch(
                tokens: sequence.tokens + long.tokens,
                runs: [
                    .init(tokens: 0..<32, startPosition: 0, blocks: sequence.blocks, logits: .all, isShort: true),
                    .init(tokens: 32..<32 + long.tokens.count, startPosition: 0, blocks: long.blocks, logits: .all),
                ])
            let rows = fast.rows(batch, fast.makeCache(blocks: 8))
            #expect(Array(rows[..<32]) == sequence.logits(fast) && Array(rows[32...]) == long.logits(fast))
        }
        #expect(vocabulary == 90)
    }

    @Test("a GGUF file carries its tokenizer")
    func ggufTokenizer() throws {
        let files = try ModelFiles.open(fixtures.appendingPathComponent("tiny/gemma3/model.gguf").path)
        guard case .gguf(let tokenizer) = files.tokenizer else {
            Issue.record("a GGUF file carries its tokenizer")
            return
        }
        #expect(tokenizer.model == "llama" && tokenizer.scores.count == tokenizer.tokens.count && !tokenizer.addSpacePrefix)
        #expect(tokenizer.addBOS && tokenizer.bos == 2 && tokenizer.unknown == 3)
    }

    @Test("token by token, and in steps that are cut inside", arguments: names)
    func chunks(name: String) throws {
        let expected = try Self.expected(name)
        for (chunk, maximumRows) in [(1, 512), (7, 512), (.max, 5)] {
            let logits = try Sequence(expected.tokens).logits(Self.decoder(name, maximumRows: maximumRows), chunk: chunk)
            #expect(relativeDifference(logits.flatMap { $0 }, expected.logits) < 1e-4)
        }
    }
}

extension TensorView {
    func int32s() -> [Int32] {
        withUnsafeBytes { bytes in
            (0..<elementCount).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self) }
        }
    }
}
