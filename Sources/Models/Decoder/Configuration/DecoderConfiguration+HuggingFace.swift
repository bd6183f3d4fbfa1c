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
    private init(reading outer: JSONCursor, name: String) throws(JSONError) {
        let config = outer["text_config"].exists ? outer["text_config"] : outer
        let architecture = try Self.architecture(outer, text: config)
        let method = try config["quantization_config"]["quant_method"].optionalString()
        let isRead = architecture == .gptOSS && method == "mxfp4"
        if !isRead, outer["quantization_config"].exists || config["quantization_config"].exists {
            throw JSONError(.invalidValue, "quantised safetensors are not implemented but for GPT-OSS's mxfp4; GGUF files are")
        }
        let tied = try config["tie_word_embeddings"].optionalBool()
        let outerTied = try outer["tie_word_embeddings"].optionalBool()
        if architecture == .gemma3 {
            self = try Self.gemma3(reading: config, name: name)
            tiedHead = tied ?? outerTied ?? true
            return
        }
        let hidden = try config["hidden_size"].int()
        let heads = try config["num_attention_heads"].int()
        let perHead = heads > 0 ? hidden / heads : 0
        let layers = try config["num_hidden_layers"].int()
        let window = try Self.slidingWindow(config, architecture, layers: layers)
        let defaults = architecture.defaults
        self.init(
            name: name, architecture: architecture, vocabulary: try config["vocab_size"].int(), hidden: hidden,
            layers: layers, heads: heads,
            keyValueHeads: try config["num_key_value_heads"].optionalInt() ?? heads,
            headDimension: try config["head_dim"].optionalInt() ?? defaults.headDimension ?? perHead,
            feedForward: try config[architecture == .qwen3moe ? "moe_intermediate_size" : "intermediate_size"].int(),
            contextLength: try config["max_position_embeddings"].optionalInt() ?? 2048,
            normEpsilon: Float(try config["rms_norm_eps"].optionalDouble() ?? defaults.normEpsilon),
            rope: try RotaryEmbedding(huggingFace: config, base: defaults.rotaryBase), slidingWindow: window?.positions,
            fullLayers: Set(0..<min(max(window?.firstLayer ?? 0, 0), max(layers, 0), Limits.layers)),
            tiedHead: tied ?? outerTied ?? defaults.tiedHead,
            biases: try Self.biases(config, architecture), headNorms: [.qwen3, .qwen3moe, .olmo2].contains(architecture),
            outputNorms: [.gemma2, .olmo2].contains(architecture), activation: try Self.activation(config, architecture))
        try readFamily(config)
    }

    /// `model_type`, of a model of text or of the text's part of a larger one.
    private static func architecture(_ outer: JSONCursor, text: JSONCursor) throws(JSONError) -> Architecture {
        let outerType = try outer["model_type"].string()
        let ownType = try text["model_type"].optionalString()
        let isPart = outer["text_config"].exists
        let implied = isPart ? Architecture.allCases.first { $0.multimodalType == outerType } : nil
        let known = Architecture.allCases.map(\.modelType).joined(separator: ", ")
        if isPart, implied == nil {
            throw JSONError(.invalidValue, "model type \(outerType.debugDescription) with a text_config is not implemented; gemma3 and mistral3 are")
        }
        guard let type = isPart ? ownType ?? implied?.modelType : outerType,
            let architecture = Architecture.allCases.first(where: { $0.modelType == type })
        else {
            throw JSONError(
                .invalidValue, "model type \((ownType ?? outerType).debugDescription) is not implemented; \(known) are")
        }
        return architecture
    }

    /// Gemma's first files say `gelu` and mean its tanh form, as the reference reads them.
    private static func activation(_ config: JSONCursor, _ architecture: Architecture) throws(JSONError) -> Activation {
        let isGemma = architecture == .gemma || architecture == .gemma2
        let old = try config["hidden_act"].optionalString()
        let found = try isGemma ? config["hidden_activation"].optionalString() ?? old ?? "gelu_pytorch_tanh" : old ?? "silu"
        let known = isGemma ? ["gelu_pytorch_tanh", "gelu"] : ["silu", "swish"]
        guard known.contains(found) else {
            throw JSONError(.invalidValue, "activation \(found.debugDescription) is not implemented; \(known[0]) is")
        }
        return isGemma ? .geluTanh : .silu
    }

    static func biases(_ config: JSONCursor, _ architecture: Architecture) throws(JSONError) -> Set<Projection> {
        if architecture == .qwen2 { return [.query, .key, .value] }
        var biases: Set<Projection> = []
        if try config["attention_bias"].optionalBool() ?? (architecture == .gptOSS) { biases.formUnion([.query, .key, .value, .output]) }
        if try config["mlp_bias"].optionalBool() ?? false { biases.formUnion([.gate, .up, .down]) }
        return biases
    }

    private static func slidingWindow(
        _ config: JSONCursor, _ architecture: Architecture, layers: Int
    ) throws(JSONError) -> (positions: Int, firstLayer: Int)? {
        switch architecture {
        case .mistral:
            // Null switches it off; absent, the class has 4,096.
            guard let value = config["sliding_window"].value else { return (4096, 0) }
            return value.isNull ? nil : (try config["sliding_window"].int(), 0)
        case .phi3, .mixtral, .mistral3:
            return try config["sliding_window"].optionalInt().map { ($0, 0) }
        case .gemma2:
            return (try config["sliding_window"].optionalInt() ?? 4096, 0)
        case .gptOSS:
            guard let value = config["sliding_window"].value else { return (128, 0) }
            return value.isNull ? nil : (try config["sliding_window"].int(), 0)
        case .qwen2, .qwen3, .qwen3moe:
            guard try config["use_sliding_window"].optionalBool() ?? false,
                let positions = try config["sliding_window"].optionalInt()
            else { return nil }
            if architecture == .qwen3moe { return (positions, 0) }
            let firstLayer = try config["max_window_layers"].optionalInt() ?? 28
            let kinds = try config["layer_types"].optionalArray()
            for (layer, kind) in (kinds ?? []).enumerated() {
                let expected = layer >= firstLayer ? "sliding_attention" : "full_attention"
                guard try kind.string() == expected else {
                    throw JSONError(.invalidValue, "layer types that do not follow max_window_layers are not implemented")
                }
            }
            return (positions, firstLayer)
        case .llama, .gemma, .gemma3, .smollm3, .granite, .olmo2:
            let kinds = try config["layer_types"].optionalArray() ?? []
            for kind in kinds where try kind.string() != "full_attention" {
                throw JSONError(.invalidValue, "layer types other than full_attention are not implemented in a \(architecture.modelType)")
            }
            return nil
        }
    }
}
