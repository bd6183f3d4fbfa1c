internal import JSON

extension DecoderConfiguration {
    /// Reads a `config.json` of `transformers`. Where a field is absent the default of the family's class there holds.
    ///
    /// Errors: `malformed` with the JSON path; `unsupported` model types, activations and rotary scalings;
    /// `invalidConfiguration`.
    init(huggingFace config: JSONValue, name: String, file: String) throws(ModelError) {
        do throws(JSONError) {
            try self.init(reading: JSONCursor(config), name: name)
        } catch {
            throw error.path == nil
                ? ModelError(.unsupported, error.message, file: file)
                : ModelError(.malformed, error.description, file: file)
        }
        self = try validated(file: file)
    }

    /// An option that is not implemented is thrown as an error without a path.
    private init(reading config: JSONCursor, name: String) throws(JSONError) {
        let type = try config["model_type"].string()
        guard let architecture = Architecture.allCases.first(where: { $0.modelType == type }) else {
            let known = Architecture.allCases.map(\.modelType).joined(separator: ", ")
            throw JSONError(.invalidValue, "model type \(type.debugDescription) is not implemented; \(known) are")
        }
        if config["quantization_config"].exists {
            throw JSONError(.invalidValue, "quantised safetensors are not implemented; GGUF files are")
        }
        if architecture == .gemma3 {
            self = try Self.gemma3(reading: config, name: name)
            return
        }
        let activation = try config["hidden_act"].optionalString() ?? "silu"
        guard activation == "silu" || activation == "swish" else {
            throw JSONError(.invalidValue, "activation \(activation.debugDescription) is not implemented; silu is")
        }
        let hidden = try config["hidden_size"].int()
        let heads = try config["num_attention_heads"].int()
        let perHead = heads > 0 ? hidden / heads : 0
        let layers = try config["num_hidden_layers"].int()
        let window = try Self.slidingWindow(config, architecture, layers: layers)
        self.init(
            name: name, architecture: architecture, vocabulary: try config["vocab_size"].int(), hidden: hidden,
            layers: layers, heads: heads,
            keyValueHeads: try config["num_key_value_heads"].optionalInt() ?? heads,
            headDimension: try config["head_dim"].optionalInt() ?? (architecture == .qwen3 ? 128 : perHead),
            feedForward: try config["intermediate_size"].int(),
            contextLength: try config["max_position_embeddings"].optionalInt() ?? 2048,
            normEpsilon: Float(try config["rms_norm_eps"].optionalDouble() ?? 1e-6),
            rope: try RotaryEmbedding(huggingFace: config), slidingWindow: window?.positions,
            fullLayers: Set(0..<min(max(window?.firstLayer ?? 0, 0), max(layers, 0), Limits.layers)),
            tiedHead: try config["tie_word_embeddings"].optionalBool() ?? false,
            biases: try Self.biases(config, architecture), headNorms: architecture == .qwen3)
    }

    static func biases(_ config: JSONCursor, _ architecture: Architecture) throws(JSONError) -> Set<Projection> {
        if architecture == .qwen2 { return [.query, .key, .value] }
        var biases: Set<Projection> = []
        if try config["attention_bias"].optionalBool() ?? false { biases.formUnion([.query, .key, .value, .output]) }
        if try config["mlp_bias"].optionalBool() ?? false { biases.formUnion([.gate, .up, .down]) }
        return biases
    }

    private static func slidingWindow(
        _ config: JSONCursor, _ architecture: Architecture, layers: Int
    ) throws(JSONError) -> (positions: Int, firstLayer: Int)? {
        switch architecture {
        case .llama, .gemma3: return nil
        case .mistral:
            // Null switches it off; absent, the class has 4,096.
            guard let value = config["sliding_window"].value else { return (4096, 0) }
            return value.isNull ? nil : (try config["sliding_window"].int(), 0)
        case .qwen2, .qwen3:
            guard try config["use_sliding_window"].optionalBool() ?? false,
                let positions = try config["sliding_window"].optionalInt()
            else { return nil }
            let firstLayer = try config["max_window_layers"].optionalInt() ?? 28
            let kinds = try config["layer_types"].optionalArray()
            for (layer, kind) in (kinds ?? []).enumerated() {
                let expected = layer >= firstLayer ? "sliding_attention" : "full_attention"
                guard try kind.string() == expected else {
                    throw JSONError(.invalidValue, "layer types that do not follow max_window_layers are not implemented")
                }
            }
            return (positions, firstLayer)
        }
    }
}

extension RotaryEmbedding {
    /// `rope_parameters` of transformers 5, or `rope_theta` and `rope_scaling` of the versions before.
    fileprivate init(huggingFace config: JSONCursor) throws(JSONError) {
        try self.init(
            huggingFace: config, scaling: config["rope_parameters"].exists ? config["rope_parameters"] : config["rope_scaling"],
            base: config["rope_theta"].optionalDouble() ?? 10000)
    }

    /// From what describes one rotation; `base` holds where that names none.
    init(huggingFace config: JSONCursor, scaling: JSONCursor, base: Double) throws(JSONError) {
        let base = try scaling["rope_theta"].optionalDouble() ?? base
        let outerShare = try config["partial_rotary_factor"].optionalDouble()
        guard try scaling["partial_rotary_factor"].optionalDouble() ?? outerShare ?? 1 == 1 else {
            throw JSONError(.invalidValue, "rotating a part of each head (partial_rotary_factor) is not implemented")
        }
        let oldSpelling = try scaling["type"].optionalString()
        let kind = try scaling["rope_type"].optionalString() ?? oldSpelling ?? "default"
        switch kind {
        case "default": self.init(base: Float(base))
        case "linear": self.init(base: Float(base), scaling: .linear(factor: Float(try scaling["factor"].double())))
        case "llama3":
            self.init(
                base: Float(base),
                scaling: .llama3(
                    factor: Float(try scaling["factor"].double()),
                    lowFrequencyFactor: Float(try scaling["low_freq_factor"].double()),
                    highFrequencyFactor: Float(try scaling["high_freq_factor"].double()),
                    originalContext: try scaling["original_max_position_embeddings"].int()))
        default:
            throw JSONError(
                .invalidValue, "rotary scaling \(kind.debugDescription) is not implemented; default, linear and llama3 are")
        }
    }
}
