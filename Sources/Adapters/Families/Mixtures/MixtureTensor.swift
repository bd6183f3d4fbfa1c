internal import Models

/// Which tensor of a mixture a name means.
struct MixtureTensor: Hashable, Sendable {
    enum Part: String, Sendable {
        case a = "lora_A"
        case b = "lora_B"
    }

    enum Role: Hashable, Sendable {
        /// `[experts, inputs]`
        case router
        case expert(Int, Part)
        /// Of a projection without experts.
        case plain(Part)
    }

    /// How names are spelled in a file.
    enum Style: Sendable {
        /// MoE-PEFT's.
        case standard
        /// Of MixLoRA's first version: experts first, and projections by number in some.
        case legacy(numbered: Bool)
        /// Of the code of LoRAMoE's paper.
        case loRAMoEPaper
        /// Of the code of MoLA's paper, with the adapter's name in it.
        case moLAPaper(adapter: String)
    }

    var layer: Int
    /// Nil: the router of a whole feed-forward.
    var projection: Projection?
    var role: Role

    /// MixLoRA's first version numbered the feed-forward's projections.
    private static let numbered: [String: Projection] = ["w1_proj": .gate, "w2_proj": .down, "w3_proj": .up]
    private static let paperPrefix = "base_model.model.model.layers."

    static func projection(_ name: some StringProtocol) -> Projection? {
        numbered[String(name)] ?? Projection.allCases.first { $0.shortName == name }
    }

    /// Takes a name apart; nil for what no mixture of that kind has.
    static func parse(_ name: String, _ kind: MixtureKind) -> (tensor: MixtureTensor, style: Style)? {
        let isPaper = name.hasPrefix(paperPrefix) && kind != .mixLoRA
        guard isPaper || name.hasPrefix(kind.prefix) else { return nil }
        let parts = name.dropFirst(isPaper ? paperPrefix.count : kind.prefix.count).split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts.last == "weight", let layer = number(parts[0]) else { return nil }
        let rest = Array(parts.dropFirst().dropLast())
        if isPaper { return paper(layer, rest, kind) }
        if kind == .mixLoRA, let found = legacy(layer, rest) { return found }
        guard rest.count >= 2 else { return nil }
        if kind == .mixLoRA, rest == ["mlp", "moe_gate"] { return (MixtureTensor(layer: layer, projection: nil, role: .router), .standard) }
        guard let projection = projection(block: rest[0], rest[1]) else { return nil }
        let hasExperts = kind.hasExperts(projection)
        func found(_ role: Role) -> (MixtureTensor, Style)? { (MixtureTensor(layer: layer, projection: projection, role: role), .standard) }
        switch rest.count {
        case 3 where rest[2] == "moe_gate" && hasExperts && kind != .mixLoRA: return found(.router)
        case 3 where !hasExperts: return Part(rawValue: String(rest[2])).flatMap { found(.plain($0)) }
        case 5 where rest[2] == "experts" && hasExperts:
            guard let expert = number(rest[3]), let part = Part(rawValue: String(rest[4])) else { return nil }
            return found(.expert(expert, part))
        default: return nil
        }
    }

    private static func projection(block: Substring, _ name: Substring) -> Projection? {
        Projection.allCases.first { $0.checkpointName == "\(block).\(name)" }
    }

    /// Digits alone, so that a number has one spelling.
    private static func number(_ text: Substring) -> Int? {
        guard let number = Int(text), number >= 0, String(number) == text else { return nil }
        return number
    }

    /// `gate`, `experts.0.w1_proj.lora_A`
    private static func legacy(_ layer: Int, _ rest: [Substring]) -> (MixtureTensor, Style)? {
        if rest == ["gate"] { return (MixtureTensor(layer: layer, projection: nil, role: .router), .legacy(numbered: true)) }
        guard rest.count == 4, rest[0] == "experts", let expert = number(rest[1]), let projection = projection(rest[2]), projection.isFeedForward,
            let part = Part(rawValue: String(rest[3]))
        else { return nil }
        return (
            MixtureTensor(layer: layer, projection: projection, role: .expert(expert, part)),
            .legacy(numbered: numbered[String(rest[2])] != nil)
        )
    }

    /// LoRAMoE: `mlp.up_proj.lora_A0`, `mlp.up_proj.lora_route`. MoLA: `mlp.up_proj.lora_A.default_0`, `mlp.up_proj.router.router`.
    private static func paper(_ layer: Int, _ rest: [Substring], _ kind: MixtureKind) -> (MixtureTensor, Style)? {
        guard rest.count >= 3, let projection = projection(block: rest[0], rest[1]), kind.hasExperts(projection) else { return nil }
        func found(_ role: Role, _ style: Style) -> (MixtureTensor, Style) {
            (MixtureTensor(layer: layer, projection: projection, role: role), style)
        }
        if kind == .loRAMoE {
            guard rest.count == 3 else { return nil }
            if rest[2] == "lora_route" { return found(.router, .loRAMoEPaper) }
            guard let part = Part(rawValue: String(rest[2].prefix(6))), let expert = number(rest[2].dropFirst(6)) else { return nil }
            return found(.expert(expert, part), .loRAMoEPaper)
        }
        guard rest.count == 4 else { return nil }
        if rest[2] == "router", rest[3] == "router" { return found(.router, .moLAPaper(adapter: "default")) }
        guard let part = Part(rawValue: String(rest[2])), let mark = rest[3].lastIndex(of: "_"),
            let expert = number(rest[3][rest[3].index(after: mark)...])
        else { return nil }
        return found(.expert(expert, part), .moLAPaper(adapter: String(rest[3][..<mark])))
    }

    /// The name in a style, for messages about what is missing.
    func name(_ kind: MixtureKind, _ style: Style) -> String {
        let module = projection?.checkpointName ?? "mlp"
        let path = "\(layer).\(module)"
        switch (style, role) {
        case (.legacy, .router): return "\(kind.prefix)\(layer).gate.weight"
        case (.legacy(let numbered), .expert(let expert, let part)):
            let number = Self.numbered.first { $0.value == projection }?.key
            return "\(kind.prefix)\(layer).experts.\(expert).\((numbered ? number : nil) ?? projection?.shortName ?? "").\(part.rawValue).weight"
        case (.loRAMoEPaper, .router): return "\(Self.paperPrefix)\(path).lora_route.weight"
        case (.loRAMoEPaper, .expert(let expert, let part)): return "\(Self.paperPrefix)\(path).\(part.rawValue)\(expert).weight"
        case (.moLAPaper, .router): return "\(Self.paperPrefix)\(path).router.router.weight"
        case (.moLAPaper(let adapter), .expert(let expert, let part)):
            return "\(Self.paperPrefix)\(path).\(part.rawValue).\(adapter)_\(expert).weight"
        case (_, .router): return "\(kind.prefix)\(path).moe_gate.weight"
        case (_, .expert(let expert, let part)): return "\(kind.prefix)\(path).experts.\(expert).\(part.rawValue).weight"
        case (_, .plain(let part)): return "\(kind.prefix)\(path).\(part.rawValue).weight"
        }
    }
}
