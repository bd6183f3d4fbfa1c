internal import JSON
internal import Models

/// Which of the mixtures an adapter is, and what that means for its tensors.
enum MixtureKind: String, Sendable {
    case mixLoRA = "mixlora"
    case moLA = "mola"
    case loRAMoE = "loramoe"

    /// How a file's names begin, as MoE-PEFT writes them.
    var prefix: String { "\(rawValue).layers." }

    /// Whether a targeted projection has experts; else it has a plain LoRA.
    func hasExperts(_ projection: Projection) -> Bool { self == .moLA || projection.isFeedForward }
}

/// What a mixture's `adapter_config.json` says about inference.
struct MixtureConfiguration: Sendable {
    /// The low-rank parts: of attention and of experts, which may differ.
    struct Pairs: Sendable {
        /// One for all layers, or one for each.
        var ranks: [Int]
        var alpha: Double
        var rankStabilised: Bool
        var usesDoRA: Bool

        func rank(_ layer: Int) -> Int { ranks.count == 1 ? ranks[0] : ranks[layer] }

        func scale(_ layer: Int) -> Double {
            let rank = Double(rank(layer))
            return alpha / (rankStabilised ? rank.squareRoot() : rank)
        }
    }

    let kind: MixtureKind
    let targets: Set<Projection>
    let plain: Pairs
    let experts: Pairs
    /// One for all layers, or one for each, as are `selections`.
    private let counts: [Int]
    private let selections: [ExpertSelection]

    func count(_ layer: Int) -> Int { counts.count == 1 ? counts[0] : counts[layer] }
    func selection(_ layer: Int) -> ExpertSelection { selections.count == 1 ? selections[0] : selections[layer] }

    /// Notes every value that cannot be served; nil when one of those that follow depend on is unreadable.
    init?(_ kind: MixtureKind, _ manifest: AdapterManifest, base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems) {
        let reader = ConfigurationReader(document: JSONCursor(.object(manifest.document)))
        _ = problems.noting { () throws(AdapterError) in try reader.checkTask() }
        _ = problems.noting { () throws(AdapterError) in try Self.checkActivation(reader, base) }
        _ = problems.noting { () throws(AdapterError) in try Self.checkBias(reader) }
        let lists = kind == .moLA ? base.layers : nil
        let strategy = problems.noting { () throws(AdapterError) in try Self.strategy(kind, reader) }
        let counts = problems.noting { () throws(AdapterError) in
            try Self.integers(reader, "num_experts", in: 1...limits.experts, layers: lists)
        }
        let targets = problems.noting { () throws(AdapterError) in try Self.targets(reader, base) }
        let plain = problems.noting { () throws(AdapterError) in try Self.pairs(reader, limits: limits, layers: lists) }
        guard let strategy, let counts, let targets, let plain else { return nil }
        let selections = problems.noting { () throws(AdapterError) in
            try Self.selections(strategy, reader, counts: counts, layers: lists)
        }
        let experts = problems.noting { () throws(AdapterError) in try Self.expertPairs(reader, limits: limits) }
        guard let selections, let experts else { return nil }
        self.kind = kind
        self.counts = counts
        self.selections = selections
        self.targets = targets
        self.plain = plain
        self.experts = experts ?? plain
        if kind == .loRAMoE && targets.isDisjoint(with: [.gate, .up, .down]) {
            problems.note(Self.error("no projection of the feed-forward is targeted, and only those have experts", "target_modules"))
        }
    }

    private static func error(_ message: String, _ key: String, _ code: AdapterError.Code = .unsupported) -> AdapterError {
        AdapterError(code, message, file: AdapterFile.configuration, key: key)
    }

    // MARK: Values

    private static func checkActivation(_ reader: ConfigurationReader, _ base: BaseModules) throws(AdapterError) {
        guard let name = try reader.text("act_fn") else { return }
        let own: Set<String> =
            switch base.configuration.activation {
            case .silu: ["silu", "swish"]
            case .geluTanh: ["gelu_pytorch_tanh", "gelu_new", "gelu_tanh"]
            case .clamped: []
            }
        if !own.contains(name) {
            throw error("\(quoted(name)); the feed-forward of \(base.name) has \(listed(own.sorted())), and experts share it", "act_fn", .otherBase)
        }
    }

    private static func checkBias(_ reader: ConfigurationReader) throws(AdapterError) {
        if let bias = try reader.text("bias"), bias != "none" {
            throw error("\(quoted(bias)); expected none: no biases are trained in a mixture", "bias")
        }
    }

    /// MoE-PEFT's names of the strategies, `mixtral` of its first version among them.
    private static func strategy(_ kind: MixtureKind, _ reader: ConfigurationReader) throws(AdapterError) -> String {
        guard let name = try reader.text("routing_strategy") else {
            if kind == .mixLoRA { throw error("expected mixlora or mixlora-dynamic, found nothing", "routing_strategy", .malformed) }
            return kind.rawValue
        }
        switch (kind, name) {
        case (.mixLoRA, "mixlora"), (.mixLoRA, "mixtral"), (.mixLoRA, "mixlora-dynamic"), (.moLA, "mola"), (.loRAMoE, "loramoe"): return name
        case (.mixLoRA, "mixlora-switch"):
            throw error(
                "\"mixlora-switch\" is not served: its experts were trained with a limit of tokens each and are left out when moe_peft answers;"
                    + " train with mixlora or mixlora-dynamic", "routing_strategy")
        default:
            throw error("\(quoted(name)) does not go with this peft_type; expected \(kind.rawValue)", "routing_strategy")
        }
    }

    private static func selections(
        _ strategy: String, _ reader: ConfigurationReader, counts: [Int], layers: Int?
    ) throws(AdapterError) -> [ExpertSelection] {
        switch strategy {
        case "loramoe": return [.all]
        case "mixlora-dynamic":
            let (threshold, temperature) = (try reader.number("top_p") ?? 0.8, try reader.number("temperature") ?? 0)
            guard threshold >= 0, threshold <= 1 else { throw error("\(threshold); expected 0 to 1", "top_p", .malformed) }
            guard temperature >= 0, temperature.isFinite, Float(temperature) > 0 || temperature == 0 else {
                throw error("\(temperature); expected 0 (none) or more", "temperature", .malformed)
            }
            return [.cumulative(threshold: Float(threshold), temperature: Float(temperature))]
        default:
            let chosen = try integers(reader, "top_k", in: 1...(counts.max() ?? 1), default: 2, layers: layers)
            for layer in 0..<max(chosen.count, counts.count) {
                let (most, count) = (chosen[chosen.count == 1 ? 0 : layer], counts[counts.count == 1 ? 0 : layer])
                if most > count { throw error("\(most) of \(count) experts in layer \(layer)", "top_k", .malformed) }
            }
            return chosen.map { .top($0) }
        }
    }

    /// `place`: the key of the object that the reader reads, with a dot.
    private static func pairs(
        _ reader: ConfigurationReader, place: String = "", limits: AdapterLimits, layers: Int?
    ) throws(AdapterError) -> Pairs {
        guard let alpha = try reader.number("lora_alpha") else { throw error("a number is required", "\(place)lora_alpha", .malformed) }
        return Pairs(
            ranks: try integers(reader, "r", place: place, in: 1...limits.rank, layers: layers), alpha: alpha, rankStabilised: try reader.flag("use_rslora"),
            usesDoRA: try reader.flag("use_dora"))
    }

    /// `expert_lora`: settings of MixLoRA's experts, all its own; nil without.
    private static func expertPairs(_ reader: ConfigurationReader, limits: AdapterLimits) throws(AdapterError) -> Pairs? {
        let key = "expert_lora"
        guard reader.document[key].exists else { return nil }
        let members = try reader.read(key) { (value) throws(JSONError) in try value.members() }
        let known: Set<String> = ["r", "lora_alpha", "lora_dropout", "lora_init", "use_dora", "use_rslora", "bias"]
        for member in members where !known.contains(member.key) {
            throw error("\(quoted(member.key)): an unknown key, which may change what the adapter answers", key)
        }
        let inner = ConfigurationReader(document: reader.document[key])
        try checkBias(inner)
        return try pairs(inner, place: "\(key).", limits: limits, layers: nil)
    }

    /// One number, or where `layers` allow it a list with one for each layer.
    private static func integers(
        _ reader: ConfigurationReader, _ key: String, place: String = "", in range: ClosedRange<Int>, default standard: Int? = nil, layers: Int?
    ) throws(AdapterError) -> [Int] {
        if case .array? = reader.document[key].value, let layers {
            let values = try reader.read(key) { (cursor) throws(JSONError) -> [Int] in
                var values: [Int] = []
                for element in try cursor.array() { values.append(try element.int(in: range)) }
                return values
            }
            guard values.count == layers else {
                throw error("\(values.count) numbers; expected one for each of the \(layers) layers", key, .malformed)
            }
            return values
        }
        guard let value = try reader.integer(key, in: range) ?? standard else { throw error("a number is required", place + key, .malformed) }
        return [value]
    }

    /// Short names in a list, or as keys of a table of true and false.
    private static func targets(_ reader: ConfigurationReader, _ base: BaseModules) throws(AdapterError) -> Set<Projection> {
        let key = "target_modules"
        var names: [String]
        if case .object? = reader.document[key].value {
            names = try reader.read(key) { (cursor) throws(JSONError) -> [String] in
                var names: [String] = []
                for member in try cursor.members() where try member.value.bool() { names.append(member.key) }
                return names
            }
        } else {
            names = try reader.read(key) { (cursor) throws(JSONError) -> [String] in
                var names: [String] = []
                for element in try cursor.array() { names.append(try element.string()) }
                return names
            }
        }
        var targets: Set<Projection> = []
        for name in names {
            guard let projection = MixtureTensor.projection(name) else {
                throw error("\(base.name) has no projection \(quoted(name))", key, .otherBase)
            }
            targets.insert(projection)
        }
        guard !targets.isEmpty else { throw error("no projection is named: nothing would change", key, .malformed) }
        return targets
    }
}

extension Projection {
    var isFeedForward: Bool { self == .gate || self == .up || self == .down }
}
