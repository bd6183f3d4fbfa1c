import Foundation
import JSON
import Tensors
import Testing
import Weights

@testable import Models

/// A folder with a small random model, deleted with this object.
final class TinyModel {
    /// SplitMix64: the same numbers from the same seed everywhere.
    struct Random: RandomNumberGenerator {
        var state: UInt64
        init(seed: UInt64) { state = seed }
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
        /// Uniform in -1…1.
        mutating func float() -> Float { Float(Int64(bitPattern: next()) >> 40) / Float(1 << 23) }
        mutating func floats(_ count: Int, scale: Float = 1) -> [Float] { (0..<count).map { _ in float() * scale } }
    }

    let path: String

    /// What every family's configuration has in common; a member of `changes` replaces one, null removes it.
    static func config(_ type: String, _ changes: JSONObject = [:]) -> JSONObject {
        var config: JSONObject = [
            "model_type": .string(type), "vocab_size": 96, "hidden_size": 48, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 12, "intermediate_size": 80,
            "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
            "tie_word_embeddings": false,
        ]
        for (key, value) in changes { config[key] = value.isNull && key != "sliding_window" ? nil : value }
        return config
    }

    /// Random weights for a configuration that opens; `edit` may then change the tensors.
    init(
        _ config: JSONObject, seed: UInt64 = 1, edit: (inout [String: TensorView]) throws -> Void = { _ in }
    ) throws {
        path = NSTemporaryDirectory() + "lmoe-tiny-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Data(JSONValue.object(config).serializedBytes()).write(to: URL(fileURLWithPath: path + "/config.json"))
        var tensors: [String: TensorView] = [:]
        if let configuration = try? DecoderConfiguration(huggingFace: .object(config), name: "tiny", file: "config.json") {
            var random = Random(seed: seed)
            for name in WeightName.all(in: configuration) {
                let place = WeightSource(name, in: configuration, isGGUF: false)
                let (spelling, shape) = (place.name, place.shape)
                if tensors[spelling] != nil { continue }
                let isNorm = shape.count == 1 && !spelling.hasSuffix("bias")
                let scale: Float = name == .embedding ? 1 : shape.count == 2 ? (3 / Float(shape[1])).squareRoot() : 0.2
                let middle: Float = isNorm && !configuration.architecture.addsOneToNorms ? 1 : 0
                let values = random.floats(shape.reduce(1, *), scale: scale).map { middle + $0 }
                tensors[spelling] = try Self.view(spelling, shape, values)
            }
        }
        try edit(&tensors)
        try SafetensorsWriter.write(Array(tensors.values), to: path + "/model.safetensors")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    static func view(_ name: String, _ shape: [Int], _ values: [Float]) throws -> TensorView {
        try values.withUnsafeBytes { try #require(TensorView(name: name, dtype: .f32, shape: shape, copying: $0)) }
    }
}

/// The repository's root.
let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
let fixtures = repository.appendingPathComponent("Tests/ModelsTests/Fixtures")
/// `scripts/test` fetches it before the tests run.
let baseModelPath = repository.appendingPathComponent("models/base.gguf").path
/// Only there where somebody asked for it: `scripts/models gemma`.
let gemmaPath = repository.appendingPathComponent("models/gemma-3-270m.gguf").path
let encoderPath = repository.appendingPathComponent("models/encoder").path
