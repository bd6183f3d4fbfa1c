internal import Tensors
internal import Weights

/// Where a tensor of the decoder lies in the files: a tensor there, or some rows of one.
struct WeightSource {
    /// As the files spell it.
    var name: String
    /// Of the whole tensor there.
    var shape: [Int]
    /// Of all rows of the tensor there, its dimensions but the last together; nil: all.
    var rows: Range<Int>?
    /// Of GPT-OSS's checkpoints: a part of what they hold of all experts together.
    private var joined: JoinedExperts?

    /// Fused matrices hold several projections one after the other; GGUF files hold all experts of a layer in one tensor.
    init(_ weight: WeightName, in configuration: DecoderConfiguration, isGGUF: Bool) {
        name = isGGUF ? weight.gguf : weight.checkpoint(in: configuration)
        shape = weight.shape(in: configuration)
        if !isGGUF, let joined = JoinedExperts(weight, in: configuration) {
            (self.joined, shape) = (joined, joined.shape)
            return
        }
        switch weight {
        case .feedForwardNorm(let layer) where isGGUF && configuration.architecture == .gptOSS:
            name = "blk.\(layer).post_attention_norm.weight"
        case .weight(let layer, let projection) where configuration.isFused:
            guard let fused = Self.fused(layer, projection, isGGUF: isGGUF) else { return }
            let before = fused.projections.prefix { $0 != projection }.reduce(0) { $0 + $1.shape(in: configuration).outputs }
            name = fused.name
            rows = before..<before + shape[0]
            shape[0] = fused.projections.reduce(0) { $0 + $1.shape(in: configuration).outputs }
        case .expert(_, let expert, _) where isGGUF:
            rows = expert * shape[0]..<(expert + 1) * shape[0]
            shape.insert(configuration.experts?.count ?? 0, at: 0)
        default: break
        }
    }

    private static func fused(_ layer: Int, _ projection: Projection, isGGUF: Bool) -> (name: String, projections: [Projection])? {
        switch projection {
        case .query, .key, .value:
            (isGGUF ? "blk.\(layer).attn_qkv.weight" : "model.layers.\(layer).self_attn.qkv_proj.weight", [.query, .key, .value])
        case .gate, .up:
            (isGGUF ? "blk.\(layer).ffn_up.weight" : "model.layers.\(layer).mlp.gate_up_proj.weight", [.gate, .up])
        case .output, .down: nil
        }
    }

    /// The tensors of the files that it is read from.
    func names(_ source: some TensorSource, prefix: CheckpointPrefix) -> [String] {
        joined?.names(source, prefix.spelled(name)) ?? [prefix.spelled(name)]
    }

    /// The tensor, or some rows of it under the name of the whole.
    func view(_ source: some TensorSource, prefix: CheckpointPrefix) throws(WeightsError) -> TensorView {
        if let joined { return try joined.view(source, prefix.spelled(name)) }
        let whole = try source.weights(prefix.spelled(name), shape: shape)
        return rows.map { whole.flattened().slice($0) } ?? whole
    }
}

/// What stands before the names of a text model's tensors in the checkpoint of a larger model.
struct CheckpointPrefix: Sendable {
    /// In place of `model.`.
    private var body = "model."
    private var head = ""

    /// By the embedding's name, where the files have one of the known.
    init(_ source: some TensorSource) {
        if source.tensors["language_model.model.embed_tokens.weight"] != nil {
            (body, head) = ("language_model.model.", "language_model.")
        } else if source.tensors["model.language_model.embed_tokens.weight"] != nil {
            body = "model.language_model."
        }
    }

    func spelled(_ name: String) -> String {
        name.hasPrefix("model.") ? body + name.dropFirst("model.".count) : name == "lm_head.weight" ? head + name : name
    }

    /// Whether a tensor belongs to the vision part of a larger model.
    static func isVision(_ name: String) -> Bool {
        ["vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector.", "vision_encoder.", "patch_merger."]
            .contains { name.hasPrefix($0) }
    }
}
