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
