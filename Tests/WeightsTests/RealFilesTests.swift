import Foundation
import Tensors
import Testing
import Weights

/// The models that `scripts/models` fetches.
@Suite struct RealFilesTests {
    private let models = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "models").path

    @Test func theBaseModelOpensWithItsMetadataAndRowMajorShapes() throws {
        let file = try GGUFFile.open("\(models)/base.gguf")
        #expect(file.version == 3)
        #expect(try file.metadata.architecture == "llama")
        #expect(try file.metadata.int("llama.block_count") == 30)
        #expect(try file.metadata.float("llama.rope.freq_base") == 100_000)
        #expect(try file.metadata.bool("tokenizer.ggml.add_bos_token") == false)
        let tokens = try file.metadata.strings("tokenizer.ggml.tokens")
        #expect(tokens.count == 49152)
        #expect(tokens[2] == "<|im_end|>")
        #expect(try file.metadata.ints("tokenizer.ggml.token_type").count == 49152)
        #expect(file.tensors.count == 272)
        #expect(file.tensorNames.first == "token_embd.weight")
        let embedding = try file.tensor("token_embd.weight", shape: [49152, 576])
        #expect(embedding.dtype == .q8_0)
        #expect(try file.tensor("blk.0.ffn_down.weight").shape == [576, 1536])
        #expect(try file.tensor("blk.29.attn_k.weight", shape: [192, 576]).dtype == .q4_1)
    }

    /// The checksum of `scripts/fixtures/dequantize.py`.
    private struct Checksum: Decodable {
        var count: Int
        /// Decimal: the sum over i of (i + 1) * bits(value i), modulo 2^64.
        var checksum: String
    }

    @Test func tensorsOfTheBaseModelDequantizeToTheReferencesBits() throws {
        let fixture = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/base_tensors.json")
        let expected = try JSONDecoder().decode([String: Checksum].self, from: Data(contentsOf: fixture))
        #expect(expected.count == 5)
        let file = try GGUFFile.open("\(models)/base.gguf")
        for (name, stored) in expected {
            let values = try file.tensor(name).floats()
            #expect(values.count == stored.count)
            let checksum = values.withUnsafeBufferPointer { values in
                values.indices.reduce(UInt64(0)) { $0 &+ UInt64($1 + 1) &* UInt64(values[$1].bitPattern) }
            }
            #expect(String(checksum) == stored.checksum, "\(name)")
        }
    }

    @Test func theEncoderOpens() throws {
        let folder = try SafetensorsFolder.open("\(models)/encoder")
        #expect(folder.files.count == 1)
        #expect(try folder.weights("embeddings.word_embeddings.weight", shape: [30522, 384]).dtype == .f32)
        #expect(folder.files[0].metadata["format"] == "pt")
    }
}
