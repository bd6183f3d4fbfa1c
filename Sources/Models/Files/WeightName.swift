/// The tensors of a decoder, with their names in both kinds of files.
enum WeightName: Hashable {
    /// `[vocabulary, hidden]`
    case embedding
    /// `[hidden]`
    case finalNorm
    /// `[vocabulary, hidden]`; not there when the head is tied.
    case head
    /// `[hidden]`: the norm before attention.
    case attentionNorm(Int)
    /// `[hidden]`: the norm before the feed-forward.
    case feedForwardNorm(Int)
    /// `[hidden]`: the norm of what attention adds (Gemma 3).
    case attentionOutputNorm(Int)
    /// `[hidden]`: the norm of what the feed-forward adds (Gemma 3).
    case feedForwardOutputNorm(Int)
    /// `[headDimension]` (Qwen3, Gemma 3), `[queryWidth]` (OLMo 2)
    case queryNorm(Int)
    /// `[headDimension]` (Qwen3, Gemma 3), `[keyValueWidth]` (OLMo 2)
    case keyNorm(Int)
    /// `[outputs, inputs]`
    case weight(Int, Projection)
    /// `[outputs]`
    case bias(Int, Projection)
    /// `[experts, hidden]`: what chooses a layer's experts.
    case router(Int)
    /// `[experts]`
    case routerBias(Int)
    /// `[experts, outputs]`: of gate, up or down of a layer.
    case expertBias(Int, Projection)
    /// `[heads]`: a score of each head.
    case sinks(Int)
    /// `[outputs, inputs]`: gate, up or down of one expert of a layer.
    case expert(Int, Int, Projection)
    /// `[rotaryDimension / 2]`: GGUF only, read with the configuration.
    case rotaryDivisors

    /// In Hugging Face checkpoints. With output norms, `post_attention_layernorm` is one of them, not what follows attention.
    func checkpoint(in configuration: DecoderConfiguration) -> String {
        switch self {
        case .embedding: "model.embed_tokens.weight"
        case .finalNorm: "model.norm.weight"
        case .head: "lm_head.weight"
        case .attentionNorm(let layer): "model.layers.\(layer).input_layernorm.weight"
        case .feedForwardNorm(let layer):
            "model.layers.\(layer).\(configuration.outputNorms ? "pre_feedforward" : "post_attention")_layernorm.weight"
        case .attentionOutputNorm(let layer): "model.layers.\(layer).post_attention_layernorm.weight"
        case .feedForwardOutputNorm(let layer): "model.layers.\(layer).post_feedforward_layernorm.weight"
        case .queryNorm(let layer): "model.layers.\(layer).self_attn.q_norm.weight"
        case .keyNorm(let layer): "model.layers.\(layer).self_attn.k_norm.weight"
        case .weight(let layer, let projection): "model.layers.\(layer).\(projection.checkpointName).weight"
        case .bias(let layer, let projection): "model.layers.\(layer).\(projection.checkpointName).bias"
        case .router(let layer): "\(Self.router(layer, configuration)).weight"
        case .routerBias(let layer): "\(Self.router(layer, configuration)).bias"
        case .expertBias(let layer, let projection):
            "model.layers.\(layer).mlp.experts.\(projection == .down ? "down" : "gate_up")_proj_bias"
        case .sinks(let layer): "model.layers.\(layer).self_attn.sinks"
        case .expert(let layer, _, let projection) where configuration.architecture == .gptOSS:
            "model.layers.\(layer).mlp.experts.\(projection == .down ? "down" : "gate_up")_proj"
        case .expert(let layer, let expert, let projection):
            configuration.architecture == .mixtral
                ? "model.layers.\(layer).block_sparse_moe.experts.\(expert).\(projection.mixtralName).weight"
                : "model.layers.\(layer).mlp.experts.\(expert).\(projection.shortCheckpointName).weight"
        case .rotaryDivisors: "rope_freqs.weight"
        }
    }

    private static func router(_ layer: Int, _ configuration: DecoderConfiguration) -> String {
        switch configuration.architecture {
        case .mixtral: "model.layers.\(layer).block_sparse_moe.gate"
        case .gptOSS: "model.layers.\(layer).mlp.router"
        default: "model.layers.\(layer).mlp.gate"
        }
    }

    /// In GGUF files.
    var gguf: String {
        switch self {
        case .embedding: "token_embd.weight"
        case .finalNorm: "output_norm.weight"
        case .head: "output.weight"
        case .attentionNorm(let layer): "blk.\(layer).attn_norm.weight"
        case .feedForwardNorm(let layer): "blk.\(layer).ffn_norm.weight"
        case .attentionOutputNorm(let layer): "blk.\(layer).post_attention_norm.weight"
        case .feedForwardOutputNorm(let layer): "blk.\(layer).post_ffw_norm.weight"
        case .queryNorm(let layer): "blk.\(layer).attn_q_norm.weight"
        case .keyNorm(let layer): "blk.\(layer).attn_k_norm.weight"
        case .weight(let layer, let projection): "blk.\(layer).\(projection.ggufName).weight"
        case .bias(let layer, let projection): "blk.\(layer).\(projection.ggufName).bias"
        case .router(let layer): "blk.\(layer).ffn_gate_inp.weight"
        case .routerBias(let layer): "blk.\(layer).ffn_gate_inp.bias"
        case .expertBias(let layer, let projection): "blk.\(layer).\(projection.ggufName)_exps.bias"
        case .sinks(let layer): "blk.\(layer).attn_sinks.weight"
        case .expert(let layer, _, let projection): "blk.\(layer).\(projection.ggufName)_exps.weight"
        case .rotaryDivisors: "rope_freqs.weight"
        }
    }

    /// The factors of a norm.
    var isNorm: Bool {
        switch self {
        case .finalNorm, .attentionNorm, .feedForwardNorm, .attentionOutputNorm, .feedForwardOutputNorm, .queryNorm, .keyNorm: true
        case .embedding, .head, .weight, .bias, .router, .routerBias, .expert, .expertBias, .sinks, .rotaryDivisors: false
        }
    }

    func shape(in configuration: DecoderConfiguration) -> [Int] {
        switch self {
        case .embedding, .head: [configuration.vocabulary, configuration.hidden]
        case .finalNorm, .attentionNorm, .feedForwardNorm, .attentionOutputNorm, .feedForwardOutputNorm:
            [configuration.hidden]
        case .queryNorm: [configuration.normsWholeHeads ? configuration.queryWidth : configuration.headDimension]
        case .keyNorm: [configuration.normsWholeHeads ? configuration.keyValueWidth : configuration.headDimension]
        case .weight(_, let projection):
            [projection.shape(in: configuration).outputs, projection.shape(in: configuration).inputs]
        case .bias(_, let projection): [projection.shape(in: configuration).outputs]
        case .router: [configuration.experts?.count ?? 0, configuration.hidden]
        case .routerBias: [configuration.experts?.count ?? 0]
        case .expertBias(_, let projection): [configuration.experts?.count ?? 0, projection.shape(in: configuration).outputs]
        case .sinks: [configuration.heads]
        case .expert(_, _, let projection):
            [projection.shape(in: configuration).outputs, projection.shape(in: configuration).inputs]
        case .rotaryDivisors: [configuration.rotaryDimension / 2]
        }
    }

    /// Every tensor that a model of this configuration has.
    static func all(in configuration: DecoderConfiguration) -> [WeightName] {
        var names: [WeightName] = [.embedding, .finalNorm]
        if !configuration.tiedHead { names.append(.head) }
        for layer in 0..<configuration.layers {
            if configuration.inputNorms { names += [.attentionNorm(layer), .feedForwardNorm(layer)] }
            if configuration.outputNorms { names += [.attentionOutputNorm(layer), .feedForwardOutputNorm(layer)] }
            if configuration.headNorms { names += [.queryNorm(layer), .keyNorm(layer)] }
            names += matrices(of: layer, in: configuration)
            names += Projection.allCases.filter { configuration.has($0) && configuration.biases.contains($0) }.map { .bias(layer, $0) }
            if configuration.hasSinks { names.append(.sinks(layer)) }
            guard let experts = configuration.experts else { continue }
            names.append(.router(layer))
            if experts.hasBiases { names += [.routerBias(layer)] + Projection.ofExperts.map { .expertBias(layer, $0) } }
        }
        return names
    }

    /// The matrices of a layer that activations are multiplied by, but for the router: linear maps, and those of experts.
    static func matrices(of layer: Int, in configuration: DecoderConfiguration) -> [WeightName] {
        var names = Projection.allCases.filter(configuration.has).map { WeightName.weight(layer, $0) }
        for expert in 0..<(configuration.experts?.count ?? 0) { names += Projection.ofExperts.map { .expert(layer, expert, $0) } }
        return names
    }
}
