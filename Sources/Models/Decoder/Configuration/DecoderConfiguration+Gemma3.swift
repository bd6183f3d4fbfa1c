internal import JSON
internal import Weights

extension DecoderConfiguration {
    /// Of six layers the last sees everything, where a file does not say otherwise.
    private static let gemma3Pattern = 6

    /// A `config.json` of `model_type` `gemma3_text`, or the `text_config` of a `gemma3`; absent fields have the defaults of
    /// `Gemma3TextConfig`.
    static func gemma3(reading config: JSONCursor, name: String) throws(JSONError) -> DecoderConfiguration {
        let activation = try config["hidden_activation"].optionalString() ?? "gelu_pytorch_tanh"
        guard activation == "gelu_pytorch_tanh" else {
            throw JSONError(
                .invalidValue, "activation \(activation.debugDescription) is not implemented; gelu_pytorch_tanh is")
        }
        for key in ["attn_logit_softcapping", "final_logit_softcapping"] where config[key].exists {
            throw JSONError(.invalidValue, "\(key) is not implemented")
        }
        if try config["use_bidirectional_attention"].optionalBool() ?? false {
            throw JSONError(.invalidValue, "use_bidirectional_attention is not implemented in a decoder")
        }
        let hidden = try config["hidden_size"].int()
        let heads = try config["num_attention_heads"].optionalInt() ?? 8
        let layers = try config["num_hidden_layers"].int()
        let ropes = config["rope_parameters"]
        let window = try config["sliding_window"].optionalInt() ?? 4096
        let scalar = try config["query_pre_attn_scalar"].optionalDouble() ?? 256
        return DecoderConfiguration(
            name: name, architecture: .gemma3, vocabulary: try config["vocab_size"].optionalInt() ?? 262_208, hidden: hidden, layers: layers,
            heads: heads, keyValueHeads: try config["num_key_value_heads"].optionalInt() ?? 4,
            headDimension: try config["head_dim"].optionalInt() ?? 256,
            feedForward: try config["intermediate_size"].int(),
            contextLength: try config["max_position_embeddings"].optionalInt() ?? 131_072,
            normEpsilon: Float(try config["rms_norm_eps"].optionalDouble() ?? 1e-6),
            rope: try RotaryEmbedding(
                huggingFace: config, scaling: ropes.exists ? ropes["full_attention"] : config["rope_scaling"],
                base: config["rope_theta"].optionalDouble() ?? 1_000_000),
            slidingRope: try RotaryEmbedding(
                huggingFace: config, scaling: ropes["sliding_attention"],
                base: config["rope_local_base_freq"].optionalDouble() ?? 10_000),
            slidingWindow: window, fullLayers: try gemma3FullLayers(config, layers: layers),
            tiedHead: try config["tie_word_embeddings"].optionalBool() ?? true,
            biases: try biases(config, .gemma3), headNorms: true, outputNorms: true, activation: .geluTanh,
            embeddingScale: Float(hidden).squareRoot(), attentionScale: 1 / Float(scalar).squareRoot())
    }

    /// Those that `layer_types` calls `full_attention`; nil where it is absent.
    static func fullLayers(_ config: JSONCursor, layers: Int) throws(JSONError) -> Set<Int>? {
        guard let kinds = try config["layer_types"].optionalArray() else { return nil }
        guard kinds.count == layers else {
            throw config["layer_types"].invalid("\(kinds.count) layer types, expected one for each of \(layers) layers")
        }
        var full: Set<Int> = []
        for (layer, kind) in kinds.enumerated() {
            switch try kind.string() {
            case "full_attention": full.insert(layer)
            case "sliding_attention": break
            case let other:
                throw JSONError(
                    .invalidValue, "layer type \(other.debugDescription) is not implemented; "
                        + "full_attention and sliding_attention are")
            }
        }
        return full
    }

    private static func gemma3FullLayers(_ config: JSONCursor, layers: Int) throws(JSONError) -> Set<Int> {
        if let named = try fullLayers(config, layers: layers) { return named }
        let pattern = try config["sliding_window_pattern"].optionalInt(in: 1...Limits.layers)
        let oldSpelling = try config["_sliding_window_pattern"].optionalInt(in: 1...Limits.layers)
        return fullLayers(every: pattern ?? oldSpelling ?? gemma3Pattern, of: layers)
    }

    /// Changes what the GGUF keys of all families gave to what a Gemma 3 file means by them; norms have their 1 already.
    func gemma3(gguf metadata: GGUFMetadata) throws(WeightsError) -> DecoderConfiguration {
        if let cap = try metadata.optionalFloat("gemma3.final_logit_softcapping"), cap != 0 {
            throw metadata.invalid("gemma3.final_logit_softcapping", "soft caps are not implemented")
        }
        var own = self
        own.headNorms = true
        own.outputNorms = true
        own.activation = .geluTanh
        own.embeddingScale = Float(hidden).squareRoot()
        // The largest of the family, 62 layers deep, scales by its hidden size; the file does not say so.
        if layers == 62, heads > 0 { own.attentionScale = 1 / Float(hidden / heads).squareRoot() }
        guard slidingWindow != nil else { return own }
        own.slidingRope = RotaryEmbedding(base: try metadata.optionalFloat("gemma3.rope.freq_base_swa") ?? 10_000)
        let key = "gemma3.attention.sliding_window_pattern"
        if case .array? = metadata[key], let slides = try metadata.optionalBools(key) {
            guard slides.count == layers else {
                throw metadata.invalid(key, "\(slides.count) elements, expected one for each of \(layers) layers")
            }
            own.fullLayers = Set(slides.indices.filter { !slides[$0] })
        } else {
            let pattern = try metadata.optionalInt(key, in: 1...Limits.layers) ?? Self.gemma3Pattern
            own.fullLayers = Self.fullLayers(every: pattern, of: layers)
        }
        return own
    }

    /// The last of each `pattern` layers. A number of layers that is not believed later gives none.
    static func fullLayers(every pattern: Int, of layers: Int) -> Set<Int> {
        guard 1...Limits.layers ~= layers else { return [] }
        return Set((0..<layers).filter { ($0 + 1) % pattern == 0 })
    }
}
