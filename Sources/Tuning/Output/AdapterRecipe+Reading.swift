import JSON
import Models

extension AdapterRecipe {
    /// Of `adapter_config.json`. Errors: `unsupported` for a family or an option that cannot be tuned, named by its key; `malformed`,
    /// `invalidSetting`.
    init(configuration document: JSONObject) throws(TuningError) {
        do throws(JSONError) {
            try self.init(JSONCursor(.object(document)))
        } catch {
            throw TuningError(error.code == .invalidValue ? .unsupported : .malformed, error.message, field: error.path)
        }
        try validate()
    }

    private init(_ document: JSONCursor) throws(JSONError) {
        let type = try document["peft_type"].name().uppercased()
        let mixture = Family(rawValue: type.lowercased()).flatMap { $0.isMixture ? $0 : nil }
        guard mixture != nil || ["LORA", "IA3", "VERA"].contains(type) else {
            let isProduct = ["ADALORA", "LOHA", "MISS", "DELORA"].contains(type)
            throw document["peft_type"].invalid(
                "adapters of this type cannot be tuned further, only LORA, IA3, VERA, MIXLORA, MOLA and LORAMOE"
                    + (isProduct ? "; `lmoe adapters convert --to lora SOURCE TARGET` makes a LoRA that does the same, to be tuned further" : ""))
        }
        let targets = try Self.projections(document["target_modules"])
        switch type {
        case _ where mixture != nil:
            let family = mixture ?? .mixlora
            let coefficient = try document["router_aux_loss_coef"].optionalDouble()
            self.init(
                family: family, rank: try document["r"].int(), alpha: try document["lora_alpha"].double(), targets: targets,
                experts: try document["num_experts"].int(), chosenExperts: family == .loramoe ? 2 : try document["top_k"].int(),
                balanceCoefficient: try document["router_loss"].optionalBool() == false ? 0 : coefficient,
                dropout: try document["lora_dropout"].optionalDouble() ?? 0)
        case "LORA":
            let isStabilised = try document["use_rslora"].optionalBool() ?? false
            let isDecomposed = try document["use_dora"].optionalBool() ?? false
            if isStabilised, isDecomposed { throw document["use_rslora"].invalid("together with use_dora it cannot be tuned further") }
            self.init(
                family: isDecomposed ? .dora : isStabilised ? .rslora : .lora, rank: try document["r"].int(),
                alpha: try document["lora_alpha"].double(), targets: targets, trainedTokens: try Self.tokens(document["trainable_token_indices"]),
                dropout: try document["lora_dropout"].optionalDouble() ?? 0)
            try Self.checkInitialisation(document["init_lora_weights"])
        case "IA3":
            let inputs = try Self.projections(document["feedforward_modules"])
            self.init(family: .ia3, targets: targets, feedForwardTargets: targets.intersection(inputs))
        default:
            let factor = try document["d_initial"].optionalDouble() ?? 0.1
            self.init(family: .vera, rank: try document["r"].int(), targets: targets, initialRankFactor: Float(factor),
                dropout: try document["vera_dropout"].optionalDouble() ?? 0)
        }
        try Self.checkOthers(document)
    }

    /// The maps that a list names; a null list names none.
    private static func projections(_ cursor: JSONCursor) throws(JSONError) -> Set<Projection> {
        if cursor.value?.stringValue == "all-linear" { return Set(Projection.allCases) }
        guard cursor.value?.stringValue == nil else {
            throw cursor.invalid("a pattern cannot be tuned further; expected a list of some of \(names)")
        }
        var targets: Set<Projection> = []
        for entry in try cursor.optionalArray() ?? [] {
            let name = try entry.name()
            let found = Projection.allCases.first { $0.moduleName == name || $0.checkpointName == name }
            guard let found else { throw entry.invalid("this module cannot be tuned further; expected some of \(names)") }
            targets.insert(found)
        }
        return targets
    }

    /// Trained tokens in the order of their rows, which is that of their numbers here.
    private static func tokens(_ cursor: JSONCursor) throws(JSONError) -> [Int32] {
        guard cursor.value?.objectValue == nil else {
            throw cursor.invalid("tokens that are trained in the head alone, or under names, cannot be tuned further; expected a list")
        }
        var tokens: [Int32] = []
        for entry in try cursor.optionalArray() ?? [] { tokens.append(Int32(clamping: try entry.int())) }
        guard zip(tokens, tokens.dropFirst()).allSatisfy({ $0 < $1 }) else { throw cursor.invalid("expected tokens in rising order") }
        return tokens
    }

    private static var names: String { Projection.allCases.map(\.moduleName).joined(separator: ", ") }

    /// Some ways to begin change the base itself, so that the folder holds what belongs to another base.
    private static func checkInitialisation(_ cursor: JSONCursor) throws(JSONError) {
        guard let name = cursor.value?.stringValue, !["gaussian", "eva", "orthogonal", "mica"].contains(name) else { return }
        throw cursor.invalid("training that begins so changes the base's weights; save it as a plain LoRA first")
    }

    /// Keys that are read above, that tell where the adapter comes from, or that end with training.
    private static let known: Set<String> = [
        "peft_type", "target_modules", "r", "lora_alpha", "use_rslora", "use_dora", "init_lora_weights", "feedforward_modules",
        "init_ia3_weights", "d_initial", "save_projection", "projection_prng_key", "init_weights",
        "base_model_name_or_path", "revision", "auto_mapping", "peft_version", "inference_mode", "base_model_class", "parent_library",
        "unsloth_fixed", "unsloth_version",
        "trainable_token_indices", "num_experts", "top_k", "router_loss", "router_aux_loss_coef", "routing_strategy",
        "lora_dropout", "vera_dropout", "fan_in_fan_out", "layers_pattern", "loftq_config", "eva_config", "corda_config",
        "lora_ga_config", "velora_config", "megatron_core", "qalora_group_size", "runtime_config",
    ]

    /// Every other key must say nothing: null, false, empty, "none".
    private static func checkOthers(_ document: JSONCursor) throws(JSONError) {
        for (key, value) in try document.members() where !known.contains(key) {
            switch value.value {
            case nil, .null, .bool(false): continue
            case .string(let text) where text == "none" || key == "task_type" && text == "CAUSAL_LM": continue
            case .array(let elements) where elements.isEmpty: continue
            case .object(let members) where members.isEmpty: continue
            default: throw value.invalid("an adapter with this option cannot be tuned further")
            }
        }
    }
}
