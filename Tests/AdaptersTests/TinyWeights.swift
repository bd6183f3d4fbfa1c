import Foundation
import Glibc
import JSON
import Models
import Tensors
import TestSupport
import Testing
import Weights

/// A Hugging Face folder with a small random Qwen2, which has biases, opened and deleted with this object.
final class TinyWeights {
    static let configuration: JSONObject = [
        "model_type": "qwen2", "vocab_size": 32, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "intermediate_size": 80, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "hidden_act": "silu", "tie_word_embeddings": false,
    ]

    let files: ModelFiles
    private let folder: TemporaryFolder
    var base: BaseWeights { BaseWeights(files) }

    /// `edit` may change the values of a tensor.
    init(_ edit: (String, inout [Float]) -> Void = { _, _ in }) throws {
        folder = try TemporaryFolder()
        try folder.write(JSONValue.object(Self.configuration).serializedBytes(), to: "config.json")
        var random = SeededRandom(seed: 5)
        var tensors: [TensorView] = []
        for (name, shape) in Self.shapes {
            let isNorm = name.hasSuffix("norm.weight")
            var values = (0..<shape.reduce(1, *)).map { _ in (isNorm ? 1 : 0) + Float.random(in: -0.2...0.2, using: &random) }
            edit(name, &values)
            tensors.append(
                try #require(values.withUnsafeBytes { TensorView(name: name, dtype: .f32, shape: shape, copying: $0) }))
        }
        try SafetensorsWriter.write(tensors, to: folder.place("model.safetensors"))
        files = try ModelFiles.open(folder.path)
    }

    /// As another process would, while the file is mapped.
    func truncate(to size: Int) { #expect(Glibc.truncate(folder.place("model.safetensors"), size) == 0) }

    private static var shapes: [(String, [Int])] {
        var shapes = [("model.embed_tokens.weight", [32, 48]), ("model.norm.weight", [48]), ("lm_head.weight", [32, 48])]
        for layer in 0..<2 {
            let prefix = "model.layers.\(layer)"
            for norm in ["input_layernorm", "post_attention_layernorm"] { shapes.append(("\(prefix).\(norm).weight", [48])) }
            for (name, outputs, inputs) in [
                ("self_attn.q_proj", 48, 48), ("self_attn.k_proj", 24, 48), ("self_attn.v_proj", 24, 48), ("self_attn.o_proj", 48, 48),
                ("mlp.gate_proj", 80, 48), ("mlp.up_proj", 80, 48), ("mlp.down_proj", 48, 80),
            ] {
                shapes.append(("\(prefix).\(name).weight", [outputs, inputs]))
                if ["q", "k", "v"].contains(where: { name.hasSuffix("\($0)_proj") }) && name.hasPrefix("self") {
                    shapes.append(("\(prefix).\(name).bias", [outputs]))
                }
            }
        }
        return shapes
    }

    /// A projection's matrix, row-major.
    static func rows(_ base: BaseWeights, _ layer: Int, _ projection: Projection) -> [Float] {
        let (outputs, inputs) = projection.shape(in: base.configuration)
        var values = [Float](repeating: 0, count: outputs * inputs)
        base.read(0..<outputs, of: layer, projection, into: &values)
        return values
    }
}
