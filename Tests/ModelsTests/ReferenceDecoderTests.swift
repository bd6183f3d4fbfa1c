import Tensors
import Testing
import Weights

@testable import Models

@Suite("the reference path against transformers")
struct ReferenceDecoderTests {
    static let pool = WorkerPool(threads: 2)

    static func decoder(_ name: String, _ precision: Decoder.Precision = .reference, maximumRows: Int = 512) throws -> Decoder {
        try Decoder(
            ModelFiles.open(fixtures.appendingPathComponent("tiny/\(name)").path), precision: precision, pool: pool,
            maximumRows: maximumRows)
    }

    static func expected(_ name: String) throws -> (tokens: [Int32], logits: [Float]) {
        let file = try SafetensorsFile.open(fixtures.appendingPathComponent("tiny/\(name)/expected.safetensors").path)
        return (try file.tensor("tokens").int32s(), try file.tensor("logits").floats())
    }

    @Test("tiny models within 1e-4", arguments: ["llama", "llama3", "mistral", "qwen2", "qwen3"])
    func tiny(name: String) throws {
        let expected = try Self.expected(name)
        let logits = try Sequence(expected.tokens).logits(Self.decoder(name))
        #expect(relativeDifference(logits.flatMap { $0 }, expected.logits) < 1e-4)
    }

    @Test(
        "token by token, and in steps that are cut inside", arguments: ["llama", "llama3", "mistral", "qwen2", "qwen3"])
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
