internal import JSON

extension DecoderConfiguration {
    /// What a `config.json` of the family says beyond the fields that all families have. An option that is not implemented is thrown as an
    /// error without a path.
    mutating func readFamily(_ config: JSONCursor) throws(JSONError) {
        switch architecture {
        case .llama, .mistral, .qwen2, .qwen3, .gemma3: break
        case .gemma: embeddingScale = Float(hidden).squareRoot()
        case .gemma2: try readGemma2(config)
        case .smollm3: unrotatedLayers = try unrotated(config)
        case .granite:
            embeddingScale = Float(try config["embedding_multiplier"].optionalDouble() ?? 1)
            attentionScale = Float(try config["attention_multiplier"].optionalDouble() ?? 1)
            residualScale = Float(try config["residual_multiplier"].optionalDouble() ?? 1)
            logitScale = Float(1 / (try config["logits_scaling"].optionalDouble() ?? 1))
        case .phi3:
            isFused = true
            let parameters = config["rope_parameters"].exists ? config["rope_parameters"] : config["rope_scaling"]
            let share = try RotaryEmbedding.share(config, parameters)
            guard share > 0, share <= 1 else {
                throw JSONError(.invalidValue, "partial_rotary_factor is \(share), expected above 0, at most 1")
            }
            rotaryDimension = Int(Double(headDimension) * share)
        case .olmo2: (inputNorms, normsWholeHeads) = (false, true)
        case .mistral3:
            guard let beta = try config["rope_parameters"]["llama_4_scaling_beta"].optionalDouble(), beta != 0 else { break }
            queryTemperature = QueryTemperature(
                beta: Float(beta), originalContext: try config["rope_parameters"]["original_max_position_embeddings"].int())
        case .mixtral:
            experts = ExpertLayout(
                count: try config["num_local_experts"].optionalInt() ?? 8, chosen: try config["num_experts_per_tok"].optionalInt() ?? 2,
                normalizes: true)
        case .qwen3moe:
            let dense = try config["mlp_only_layers"].optionalArray() ?? []
            let step = try config["decoder_sparse_step"].optionalInt() ?? 1
            guard dense.isEmpty, step == 1 else {
                throw JSONError(.invalidValue, "layers without experts (mlp_only_layers, decoder_sparse_step) are not implemented")
            }
            let oldSpelling = try config["num_local_experts"].optionalInt()
            experts = ExpertLayout(
                count: try config["num_experts"].optionalInt() ?? oldSpelling ?? 128, chosen: try config["num_experts_per_tok"].optionalInt() ?? 8,
                normalizes: try config["norm_topk_prob"].optionalBool() ?? false)
        case .gptOSS: try readGPTOSS(config)
        }
    }

    private mutating func readGPTOSS(_ config: JSONCursor) throws(JSONError) {
        experts = ExpertLayout(
            count: try config["num_local_experts"].optionalInt() ?? 128, chosen: try config["num_experts_per_tok"].optionalInt() ?? 4,
            normalizes: true, hasBiases: true)
        activation = .clamped(
            slope: Float(try config["swiglu_alpha"].optionalDouble() ?? 1.702), limit: Float(try config["swiglu_limit"].optionalDouble() ?? 7))
        hasSinks = true
        fullLayers = try Self.fullLayers(config, layers: layers) ?? Self.fullLayers(every: 2, of: layers)
    }

    private mutating func readGemma2(_ config: JSONCursor) throws(JSONError) {
        func cap(_ name: String, _ standard: Double) throws(JSONError) -> Float {
            // Null switches it off.
            guard let value = config[name].value else { return Float(standard) }
            return value.isNull ? 0 : Float(try config[name].double())
        }
        if try config["use_bidirectional_attention"].optionalBool() ?? false {
            throw JSONError(.invalidValue, "use_bidirectional_attention is not implemented in a decoder")
        }
        embeddingScale = Float(hidden).squareRoot()
        attentionScale = 1 / Float(try config["query_pre_attn_scalar"].optionalDouble() ?? 256).squareRoot()
        attentionSoftCap = try cap("attn_logit_softcapping", 50)
        logitSoftCap = try cap("final_logit_softcapping", 30)
        fullLayers = try Self.fullLayers(config, layers: layers) ?? Self.fullLayers(every: 2, of: layers)
    }

    /// `no_rope_layers` has a 1 for each layer that rotates; else every fourth does not.
    private func unrotated(_ config: JSONCursor) throws(JSONError) -> Set<Int> {
        if try config["use_sliding_window"].optionalBool() ?? false {
            throw JSONError(.invalidValue, "use_sliding_window is not implemented in a smollm3")
        }
        guard let flags = try config["no_rope_layers"].optionalArray() else {
            let interval = try config["no_rope_layer_interval"].optionalInt(in: 1...Limits.layers)
            return Self.fullLayers(every: interval ?? 4, of: layers)
        }
        guard flags.count == layers else {
            throw config["no_rope_layers"].invalid("\(flags.count) elements, expected one for each of \(layers) layers")
        }
        var unrotated: Set<Int> = []
        for (layer, flag) in flags.enumerated() where try flag.int() == 0 { unrotated.insert(layer) }
        return unrotated
    }
}

extension DecoderConfiguration.Architecture {
    /// What the family's class has where `config.json` is silent.
    struct Defaults {
        /// Nil: the hidden size divided by the heads.
        var headDimension: Int?
        var normEpsilon = 1e-6
        var rotaryBase = 10_000.0
        var tiedHead = false
    }

    var defaults: Defaults {
        switch self {
        case .gemma, .gemma2, .gemma3: Defaults(headDimension: 256, tiedHead: true)
        case .qwen3: Defaults(headDimension: 128)
        case .smollm3: Defaults(rotaryBase: 2_000_000, tiedHead: true)
        case .mixtral: Defaults(normEpsilon: 1e-5, rotaryBase: 1_000_000)
        case .gptOSS: Defaults(headDimension: 64, normEpsilon: 1e-5, rotaryBase: 150_000)
        case .mistral3: Defaults(headDimension: 128, normEpsilon: 1e-5, rotaryBase: 1_000_000)
        case .phi3, .olmo2: Defaults(normEpsilon: 1e-5)
        case .llama, .mistral, .qwen2, .qwen3moe, .granite: Defaults()
        }
    }
}
