import Foundation
import JSON
import Models
import Tensors
import Weights

@testable import Tuning

/// One file of `Fixtures/gradients`: an adapter, sequences, and what torch's autograd makes of them.
struct GradientFixture {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path
    static let folder = "\(root)/Tests/TuningTests/Fixtures/gradients"

    let file: SafetensorsFile
    let adapterFolder: String
    let configuration: JSONValue
    let weights: SafetensorsFile
    let model: ModelFiles

    init(_ name: String) throws {
        file = try SafetensorsFile.open("\(Self.folder)/\(name).safetensors")
        adapterFolder = "\(Self.root)/\(file.metadata["adapter"] ?? "")"
        configuration = try JSONValue.parse(Array(Data(contentsOf: URL(fileURLWithPath: "\(adapterFolder)/adapter_config.json"))))
        weights = try SafetensorsFile.open("\(adapterFolder)/adapter_model.safetensors")
        let base = configuration["base_model_name_or_path"]?.stringValue ?? ""
        model = try ModelFiles.open("\(Self.root)/Tests/ModelsTests/Fixtures/\(base)")
    }

    /// Of the i-th sequence.
    func tokens(_ index: Int) -> [Int32] { integers("tokens.\(index)") }
    func isTarget(_ index: Int) -> [Bool] { file.tensors["targets.\(index)"]?.withUnsafeBytes { $0.map { $0 != 0 } } ?? [] }
    func logarithms(_ index: Int) -> [Float] { file.tensors["logp.\(index)"]?.floats() ?? [] }
    var sequences: Int { (0..<16).first { file.tensors["tokens.\($0)"] == nil } ?? 16 }

    /// A trainable adapter with the parameters of the folder, of linear maps only.
    func adapter() throws -> TrainableAdapter {
        let recipe = try AdapterRecipe(fixture: configuration)
        let shared = try sharedMatrices()
        let names = Set(weights.tensors.keys)
        let adapter = try TrainableAdapter(model.configuration) { place in
            let module = "base_model.model.model.layers.\(place.layer).\(place.projection.checkpointName)"
            let shape = place.projection.shape(in: model.configuration)
            if let a = weights.tensors["\(module).lora_A.weight"] {
                let pattern = configuration["alpha_pattern"]?.objectValue?.first { place.projection.checkpointName.hasSuffix($0.key) }
                let alpha = pattern?.value.doubleValue ?? recipe.alpha
                let scale = Float(alpha / (recipe.family == .rslora ? Double(a.rows).squareRoot() : Double(a.rows)))
                return names.contains("\(module).lora_magnitude_vector") ? .decomposed(rank: a.rows, scale: scale) : .lowRank(rank: a.rows, scale: scale)
            }
            if let factors = weights.tensors["\(module).ia3_l"] { return factors.shape[0] == 1 ? .inputScale : .outputScale }
            guard let factors = weights.tensors["\(module).vera_lambda_d"], let shared else { return nil }
            return .factors(a: shared.a(shape.inputs), b: shared.b(shape.outputs), rank: factors.elementCount)
        }
        for tensor in adapter.tensors {
            guard let view = weights.tensors[tensor.checkpointName] else { throw TuningError(.malformed, "no \(tensor.checkpointName)") }
            for (index, value) in view.floats().enumerated() { adapter.values(tensor)[index] = value }
        }
        return adapter
    }

    private func sharedMatrices() throws -> SharedMatrices? {
        guard let a = weights.tensors["base_model.vera_A"], let b = weights.tensors["base_model.vera_B"] else { return nil }
        return SharedMatrices(
            rank: a.rows, widestInput: a.columns, widestOutput: b.rows, a: FloatBuffer(a.floats()), b: FloatBuffer(b.floats()))
    }

    private func integers(_ name: String) -> [Int32] {
        file.tensors[name]?.withUnsafeBytes { bytes in (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self) } }
            ?? []
    }
}

extension AdapterRecipe {
    /// The parts of a configuration that gradients depend on.
    init(fixture configuration: JSONValue) throws {
        let isDecomposed = configuration["use_dora"] == .bool(true)
        let family: Family =
            switch configuration["peft_type"]?.stringValue {
            case "IA3": .ia3
            case "VERA": .vera
            default: configuration["use_rslora"] == .bool(true) ? .rslora : isDecomposed ? .dora : .lora
            }
        self.init(family: family, rank: configuration["r"]?.intValue ?? 1, alpha: configuration["lora_alpha"]?.doubleValue)
    }
}
