import JSON
import Models

extension AdapterRecipe {
    /// The release of PEFT whose format is written.
    static let peftVersion = "0.21.2"

    /// `adapter_config.json` as PEFT's `save_pretrained` writes it; of mixtures as MoE-PEFT does, with what it leaves out of training.
    ///
    /// - Parameter base: the name of the base model, for people and for tools that load it.
    func configuration(base: String) -> JSONObject {
        if family.isMixture { return mixtureConfiguration(base: base) }
        var document = Self.commonConfiguration
        document["base_model_name_or_path"] = .string(base)
        document["target_modules"] = Self.moduleNames(targets)
        let own: JSONObject =
            switch family {
            case .lora, .rslora, .dora: lowRankConfiguration
            case .ia3:
                [
                    "peft_type": "IA3", "exclude_modules": nil, "feedforward_modules": Self.moduleNames(feedForwardTargets),
                    "init_ia3_weights": true,
                ]
            case .vera: projectionConfiguration
            case .mixlora, .mola, .loramoe: [:]
            }
        for (key, value) in own { document[key] = value }
        return document
    }

    private static let commonConfiguration: JSONObject = [
        "auto_mapping": nil, "fan_in_fan_out": false, "inference_mode": true, "modules_to_save": nil,
        "peft_version": .string(peftVersion), "revision": nil, "task_type": "CAUSAL_LM",
    ]

    private var lowRankConfiguration: JSONObject {
        [
            "peft_type": "LORA", "r": .integer(Int64(rank)), "lora_alpha": .count(alpha), "use_rslora": .bool(family == .rslora),
            "use_dora": .bool(family == .dora), "alora_invocation_tokens": nil, "alpha_pattern": [:], "arrow_config": nil, "bias": "none",
            "corda_config": nil, "ensure_weight_tying": false, "eva_config": nil, "exclude_modules": nil, "init_lora_weights": true,
            "kasa_config": nil, "layer_replication": nil, "layers_pattern": nil, "layers_to_transform": nil, "loftq_config": [:],
            "lora_bias": false, "lora_dropout": .number(dropout), "lora_ga_config": nil, "megatron_config": nil, "megatron_core": "megatron.core",
            "monteclora_config": nil, "qalora_group_size": 16, "rank_pattern": [:], "target_parameters": nil,
            "trainable_token_indices": trainedTokens.isEmpty ? nil : .array(Set(trainedTokens).sorted().map { .integer(Int64($0)) }), "use_bdlora": nil, "use_qalora": false, "velora_config": nil,
        ]
    }

    private func mixtureConfiguration(base: String) -> JSONObject {
        var document: JSONObject = [
            "base_model_name_or_path": .string(base), "bias": "none", "lora_alpha": .count(alpha), "lora_dropout": .number(dropout),
            "num_experts": .count(experts), "peft_type": .string(family.rawValue.uppercased()), "r": .count(rank),
            "routing_strategy": .string(family.rawValue), "target_modules": Self.moduleNames(targets), "task_type": "CAUSAL_LM",
        ]
        if family != .loramoe {
            document["top_k"] = .count(chosenExperts)
            document["router_loss"] = .bool(balanceCoefficient > 0)
            document["router_aux_loss_coef"] = .number(balanceCoefficient)
        }
        return document
    }

    /// VeRA's. The shared matrices are in the file, so that the seed with which PEFT would draw them is not used.
    private var projectionConfiguration: JSONObject {
        [
            "peft_type": "VERA", "r": .integer(Int64(rank)), "bias": "none", "d_initial": .single(initialRankFactor), "init_weights": true,
            "layers_pattern": nil, "layers_to_transform": nil, "projection_prng_key": 0, "save_projection": true, "vera_dropout": .number(dropout),
        ]
    }

    /// The last components of the modules' paths, sorted: `q_proj`.
    private static func moduleNames(_ targets: Set<Projection>) -> JSONValue {
        .array(targets.map(\.moduleName).sorted().map(JSONValue.string))
    }
}

extension Projection {
    /// Without the block that it belongs to: `q_proj`.
    var moduleName: String { checkpointName.split(separator: ".").last.map(String.init) ?? checkpointName }
}

extension JSONValue {
    /// A number as Python writes it that was given as a whole number where it is one.
    static func count(_ value: Double) -> JSONValue { Int64(exactly: value).map(JSONValue.integer) ?? .number(value) }

    /// An f32 with the digits of f32.
    static func single(_ value: Float) -> JSONValue { .number(Double(value.description) ?? Double(value)) }

    static func count(_ value: Int) -> JSONValue { .integer(Int64(value)) }

    static func optional(_ value: Int?) -> JSONValue { value.map { .count($0) } ?? .null }

    static func optional(_ value: Double?) -> JSONValue { value.map(JSONValue.number) ?? .null }

    /// A number of 64 bits, which may be beyond `Int64`.
    static func seed(_ value: UInt64) -> JSONValue { Int64(exactly: value).map(JSONValue.integer) ?? .longInteger(String(value)) }
}

extension JSONObject {
    /// With its members in the order of their names, as PEFT writes files.
    var sortedByKey: JSONObject { JSONObject(sorted { $0.key < $1.key }.map { ($0.key, $0.value) }) }
}
