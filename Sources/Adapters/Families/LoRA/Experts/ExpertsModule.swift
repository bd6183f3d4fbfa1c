internal import Models

/// What a tensor's module means in a base whose layers are mixtures.
enum ExpertsModule: Hashable {
    /// `mlp.experts.base_layer` (inner) or `mlp.experts`: PEFT wraps the module once for each of its parameters that is changed, in the order of
    /// the module, and names the pair of the first by the inner wrapper.
    case wrapper(layer: Int, isInner: Bool)
    /// `mlp.experts.3.up_proj`, and in Mixtral `block_sparse_moe.experts.3.w3`.
    case expert(layer: Int, Int, Projection)
    /// `mlp.gate`, of GPT-OSS `mlp.router`
    case router(layer: Int)

    private static let projections: [Substring: Projection] = [
        "gate_proj": .gate, "up_proj": .up, "down_proj": .down, "w1": .gate, "w3": .up, "w2": .down,
    ]

    /// Nil for other modules, and for layers and experts that the base does not have.
    init?(_ path: String, in base: BaseModules) {
        guard let experts = base.configuration.experts, let layer = BaseModules.layer(of: path), layer < base.layers else { return nil }
        let words = path.split(separator: ".", omittingEmptySubsequences: false).dropFirst(3)
        guard words.first == "mlp" || words.first == "block_sparse_moe" else { return nil }
        switch Array(words.dropFirst()) {
        case [Substring(Self.router(in: base))]: self = .router(layer: layer)
        case ["experts"]: self = .wrapper(layer: layer, isInner: false)
        case ["experts", "base_layer"]: self = .wrapper(layer: layer, isInner: true)
        case let words where words.count == 3 && words[0] == "experts":
            guard let expert = Int(words[1]), 0..<experts.count ~= expert, let projection = Self.projections[words[2]] else { return nil }
            self = .expert(layer: layer, expert, projection)
        default: return nil
        }
    }
}

extension ExpertsModule {
    static func router(in base: BaseModules) -> String { base.configuration.architecture == .gptOSS ? "router" : "gate" }

    /// The path of an expert's module below its layer, as the family's checkpoints have it.
    static func name(_ expert: Int, _ projection: Projection, in base: BaseModules) -> String {
        guard base.configuration.architecture == .mixtral else { return "mlp.experts.\(expert).\(projection.shortName)" }
        let name = projections.first { $0.value == projection && $0.key.hasPrefix("w") }?.key ?? ""
        return "block_sparse_moe.experts.\(expert).\(name)"
    }
}
