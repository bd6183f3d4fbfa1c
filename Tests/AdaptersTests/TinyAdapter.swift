import Foundation
import JSON
import Models
import Tensors
import Weights

/// A base that is as small as one can be, with different widths for all that differs.
enum TinyBase {
    static let llama = DecoderConfiguration(
        name: "tiny", architecture: .llama, vocabulary: 16, hidden: 8, layers: 2, heads: 2, keyValueHeads: 1, headDimension: 4,
        feedForward: 12, contextLength: 32, normEpsilon: 1e-5, rope: RotaryEmbedding(base: 10_000))
}

/// A LoRA for `TinyBase`, sound unless a test changes it.
struct TinyAdapter {
    var configuration: JSONObject
    /// By full name.
    var tensors: [String: TensorView] = [:]

    /// Random pairs for the modules of all layers.
    init(
        rank: Int = 2, alpha: Int = 4, targets: [Projection] = [.query, .value], base: DecoderConfiguration = TinyBase.llama,
        seed: UInt64 = 1
    ) {
        configuration = [
            "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": .integer(Int64(rank)), "lora_alpha": .integer(Int64(alpha)),
            "target_modules": .array(targets.map { .string(Self.shortName($0)) }), "base_model_name_or_path": "someone/tiny",
            "rank_pattern": [:], "use_dora": false, "modules_to_save": nil,
        ]
        var random = SeededRandom(seed: seed)
        for layer in 0..<base.layers {
            for projection in targets {
                let (outputs, inputs) = projection.shape(in: base)
                setRandom(Self.a(layer, projection), [rank, inputs], &random)
                setRandom(Self.b(layer, projection), [outputs, rank], &random)
            }
        }
    }

    static func shortName(_ projection: Projection) -> String {
        projection.checkpointName.split(separator: ".").last.map(String.init) ?? ""
    }

    static func module(_ layer: Int, _ projection: Projection) -> String {
        "model.layers.\(layer).\(projection.checkpointName)"
    }

    static func a(_ layer: Int, _ projection: Projection) -> String {
        "base_model.model.\(module(layer, projection)).lora_A.weight"
    }

    static func b(_ layer: Int, _ projection: Projection) -> String {
        "base_model.model.\(module(layer, projection)).lora_B.weight"
    }

    mutating func setRandom(_ name: String, _ shape: [Int], _ random: inout SeededRandom) {
        set(name, shape, (0..<shape.reduce(1, *)).map { _ in Float.random(in: -1...1, using: &random) })
    }

    mutating func set(_ name: String, _ shape: [Int], _ values: [Float]) {
        tensors[name] = values.withUnsafeBytes { TensorView(name: name, dtype: .f32, shape: shape, copying: $0) }
    }

    mutating func set(_ name: String, _ shape: [Int], bits: [UInt16], dtype: DType) {
        tensors[name] = bits.withUnsafeBytes { TensorView(name: name, dtype: dtype, shape: shape, copying: $0) }
    }

    func values(_ name: String) -> [Float] {
        tensors[name]?.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) } ?? []
    }

    mutating func fill(_ name: String, with value: Float) {
        guard let view = tensors[name] else { return }
        set(name, view.shape, [Float](repeating: value, count: view.elementCount))
    }

    /// Writes both files, the weights last.
    func write(to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let text = JSONValue.object(configuration).serialized(pretty: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/adapter_config.json"))
        try SafetensorsWriter.write(
            Array(tensors.values), metadata: ["format": "pt"], to: "\(folder)/adapter_model.safetensors")
    }
}

/// SplitMix64: the same numbers for the same seed, on every machine.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
