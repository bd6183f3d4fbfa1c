internal import Models

/// A tensor's name in a LoRA file of llama.cpp, taken apart: `blk.0.attn_q.weight.lora_a`.
struct GGUFTensorName: Sendable, Hashable {
    enum Module: Sendable, Hashable {
        case linear(layer: Int, Projection)
        /// A matrix that holds several projections, by the first of them.
        case fused(layer: Int, Projection)
        case embedding
        case head
    }

    enum Part: String, Sendable {
        case a, b
    }

    let module: Module
    let part: Part

    /// Nil for a name of another form. The layer may be one that the base does not have. `isFused`: of a base with fused matrices, whose gate
    /// and up are called `ffn_up`.
    init?(_ name: String, isFused: Bool) {
        guard let part = [Part.a, .b].first(where: { name.hasSuffix(".weight.lora_\($0.rawValue)") }) else { return nil }
        self.part = part
        let stem = name.dropLast(".weight.lora_a".count)
        switch stem {
        case "token_embd": module = .embedding
        case "output": module = .head
        default:
            let parts = stem.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0] == "blk", let layer = Int(parts[1]), layer >= 0, "\(layer)" == parts[1] else { return nil }
            if isFused, let fused = Self.fused[parts[2]] {
                module = .fused(layer: layer, fused)
                return
            }
            guard let projection = Projection.allCases.first(where: { $0.ggufName == parts[2] }) else { return nil }
            module = .linear(layer: layer, projection)
        }
    }

    private static let fused: [Substring: Projection] = ["attn_qkv": .query, "ffn_up": .gate]

    /// The module's path in the checkpoint.
    var path: String {
        switch module {
        case .linear(let layer, let projection): "model.layers.\(layer).\(projection.checkpointName)"
        case .fused(let layer, let first): "model.layers.\(layer).\(BaseModules.fused(from: first)?.name ?? first.checkpointName)"
        case .embedding: BaseModules.embedding
        case .head: BaseModules.head
        }
    }

    /// Nil outside of the layers.
    var layer: Int? {
        switch module {
        case .linear(let layer, _), .fused(let layer, _): layer
        case .embedding, .head: nil
        }
    }

    /// As PEFT names the same tensor.
    var checkpointName: String {
        let ending =
            switch (module, part) {
            case (.embedding, .a): "lora_embedding_A"
            case (.embedding, .b): "lora_embedding_B"
            case (_, .a): "lora_A.weight"
            case (_, .b): "lora_B.weight"
            }
        return "\(PartName<LoRAPart>.prefix)\(path).\(ending)"
    }
}
