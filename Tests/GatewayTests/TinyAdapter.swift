import Foundation
import Models
import Tensors
import Weights

/// A base of one layer, and the smallest adapters that take effect on it.
enum TinyAdapter {
    static let base = DecoderConfiguration(
        name: "tiny", architecture: .llama, vocabulary: 16, hidden: 8, layers: 1, heads: 2, keyValueHeads: 1,
        headDimension: 4, feedForward: 12, contextLength: 32, normEpsilon: 1e-5, rope: RotaryEmbedding(base: 10_000))

    /// Writes an adapter with its routing examples: `value` makes its content differ.
    static func write(_ name: String, in folder: String, value: Float = 1, examples: [String]) throws {
        let path = "\(folder)/\(name)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        if !examples.isEmpty {
            let list = examples.map { "  - \($0)\n" }.joined()
            try Data("description: \(name)\nexamples:\n\(list)".utf8).write(to: URL(fileURLWithPath: "\(path)/route.yaml"))
        }
        let configuration = """
            {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"],
             "base_model_name_or_path": "someone/tiny"}
            """
        try Data(configuration.utf8).write(to: URL(fileURLWithPath: "\(path)/adapter_config.json"))
        let module = "base_model.model.model.layers.0.self_attn.q_proj"
        try SafetensorsWriter.write(
            [tensor("\(module).lora_A.weight", [2, 8], value), tensor("\(module).lora_B.weight", [8, 2], value)]
                .compactMap { $0 },
            metadata: ["format": "pt"], to: "\(path)/adapter_model.safetensors")
    }

    private static func tensor(_ name: String, _ shape: [Int], _ value: Float) -> TensorView? {
        [Float](repeating: value, count: shape.reduce(1, *)).withUnsafeBytes {
            TensorView(name: name, dtype: .f32, shape: shape, copying: $0)
        }
    }
}
