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

    /// A trainable adapter with the parameters of the folder.
    func adapter(balance: BalanceLoss? = nil) throws -> TrainableAdapter {
        let recipe = try AdapterRecipe(fixture: configuration)
        var forms = try mixtureForms() ?? linearForms(recipe)
        forms.balance = balance
        forms.vocabulary = vocabularyForm(recipe)
        let adapter = try TrainableAdapter(model.configuration, forms)
        for tensor in adapter.tensors {
            let name = name(tensor)
            guard let view = weights.tensors[name] else { throw TuningError(.malformed, "no \(name)") }
            for (index, value) in view.floats().enumerated() { adapter.values(tensor)[index] = value }
        }
        return adapter
    }

    /// In the file.
    func name(_ tensor: ParameterTensor) -> String {
        let name = tensor.checkpointName(under: family ?? "base_model.model.model")
        // The file of a family of its own, or of LoRA.
        return weights.tensors[name] == nil ? name.replacing("token_adapter.", with: "") : name
    }

    private func vocabularyForm(_ recipe: AdapterRecipe) -> VocabularyForm? {
        func form(_ name: String) -> VocabularyForm.LowRankForm? {
            weights.tensors["base_model.model.\(name)"].map { .init(rank: $0.rows, scale: Float(recipe.alpha / Double($0.rows))) }
        }
        func tokens(_ name: String) -> [Int32] {
            let indices = configuration["trainable_token_indices"] ?? configuration["token_indices"]
            let own = indices?.arrayValue ?? indices?[name]?.arrayValue ?? []
            return own.compactMap { $0.intValue.map(Int32.init) }
        }
        let isUntied = configuration["trainable_token_indices"]?["lm_head"] != nil
        let form = VocabularyForm(
            embeddingTokens: tokens("embed_tokens"), headTokens: isUntied ? tokens("lm_head") : [],
            embedding: form("model.embed_tokens.lora_embedding_A"), head: form("lm_head.lora_A.weight"))
        return form == VocabularyForm() ? nil : form
    }

    /// Of a mixture: the prefix of its names.
    private var family: String? { ["mixlora", "mola", "loramoe"].first { weights.tensors.keys.first?.hasPrefix("\($0).") == true } }

    private func mixtureForms() throws -> TrainableForms? {
        guard let family else { return nil }
        var forms = TrainableForms()
        let (alpha, experts) = (configuration["lora_alpha"]?.doubleValue ?? 0, configuration["expert_lora"] ?? configuration)
        let isRankStabilised = experts["use_rslora"] == .bool(true)
        func scale(_ rank: Int, alpha: Double, _ isRankStabilised: Bool) -> Float {
            Float(alpha / (isRankStabilised ? Double(rank).squareRoot() : Double(rank)))
        }
        let selection: ExpertSelection =
            switch configuration["routing_strategy"]?.stringValue {
            case "loramoe": .all
            case "mixlora-dynamic":
                .cumulative(
                    threshold: Float(configuration["top_p"]?.doubleValue ?? 0), temperature: Float(configuration["temperature"]?.doubleValue ?? 0))
            default: .top(configuration["top_k"]?.intValue ?? 0)
            }
        for layer in 0..<model.configuration.layers {
            var own: [Projection: ExpertForm] = [:]
            for projection in Projection.allCases {
                let module = "\(family).layers.\(layer).\(projection.checkpointName)"
                if let a = weights.tensors["\(module).lora_A.weight"] {
                    let isStabilised = configuration["use_rslora"] == .bool(true)
                    forms.linear[LinearPlace(layer, projection)] = .lowRank(rank: a.rows, scale: scale(a.rows, alpha: alpha, isStabilised))
                }
                guard let a = weights.tensors["\(module).experts.0.lora_A.weight"] else { continue }
                let count = (0..<64).first { weights.tensors["\(module).experts.\($0).lora_A.weight"] == nil } ?? 0
                let form = ExpertForm(
                    experts: count, rank: a.rows, scale: scale(a.rows, alpha: experts["lora_alpha"]?.doubleValue ?? 0, isRankStabilised))
                own[projection] = form
                if family != "mixlora" { forms.linear[LinearPlace(layer, projection)] = .experts(form, selection) }
            }
            guard let router = weights.tensors["\(family).layers.\(layer).mlp.moe_gate.weight"] else { continue }
            forms.feedForward[layer] = FeedForwardForm(
                experts: router.rows, selection: selection, gate: own[.gate], up: own[.up], down: own[.down])
        }
        return forms
    }

    private func linearForms(_ recipe: AdapterRecipe) throws -> TrainableForms {
        var forms = TrainableForms()
        let shared = try sharedMatrices()
        let names = Set(weights.tensors.keys)
        func form(_ place: LinearPlace) -> TrainableForm? {
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
        for layer in 0..<model.configuration.layers {
            for projection in Projection.allCases {
                forms.linear[LinearPlace(layer, projection)] = form(LinearPlace(layer, projection))
            }
        }
        return forms
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
