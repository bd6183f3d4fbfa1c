internal import JSON
public import Tensors
internal import Tokenizers

/// The small files of a Hugging Face folder, made of a GGUF file: what `transformers` needs beside `model*.safetensors`.
///
/// For Llama, Qwen 2 and Qwen 3 with byte-level BPE. Where a model comes from a folder, its own files are copied instead.
public struct CheckpointDocuments: Sendable {
    public struct File: Sendable {
        public let name: String
        public let bytes: [UInt8]
    }

    /// `config.json`, `generation_config.json`, `tokenizer.json`, `tokenizer_config.json`, `special_tokens_map.json`.
    public let files: [File]

    /// - Parameters:
    ///   - dtype: of the tensors that will lie beside them.
    ///   - layers: of the model that is to be written, where they are others than the files'.
    ///
    /// Errors: `unsupported` for a folder, and for architectures, tokenizers and options that are not written; `malformed`.
    public init(_ model: ModelFiles, dtype: DType, layers: Int? = nil) throws(ModelError) {
        guard case .gguf(let tokenizer) = model.tokenizer else {
            throw ModelError(.unsupported, "the model is a folder, whose own files are copied", file: model.path)
        }
        guard tokenizer.model == "gpt2" else {
            throw ModelError(
                .unsupported, "its tokenizer is \(tokenizer.model.debugDescription); only that of byte-level BPE (\"gpt2\") is written as tokenizer.json",
                file: model.path)
        }
        var configuration = model.configuration
        configuration.layers = layers ?? configuration.layers
        let config = try Self.config(configuration, tokenizer, dtype, path: model.path)
        let tokenizerFile: JSONValue
        do throws(TokenizerError) {
            tokenizerFile = try tokenizer.bytePairs.tokenizerJSON()
        } catch {
            var error = ModelError(error)
            error.file = model.path
            throw error
        }
        let special = Self.specialTokens(tokenizer)
        files = [
            ("config.json", config), ("generation_config.json", Self.generation(tokenizer)), ("tokenizer.json", tokenizerFile),
            ("tokenizer_config.json", Self.tokenizerConfig(tokenizer, model)), ("special_tokens_map.json", .object(JSONObject(special))),
        ].map { name, value in
            // A vocabulary in lines of its own would be four times as long.
            File(name: name, bytes: value.serializedBytes(pretty: name != "tokenizer.json") + [UInt8(ascii: "\n")])
        }
    }

    // MARK: config.json

    private static func config(
        _ configuration: DecoderConfiguration, _ tokenizer: GGUFTokenizer, _ dtype: DType, path: String
    ) throws(ModelError) -> JSONValue {
        let classes: [DecoderConfiguration.Architecture: String] = [.llama: "LlamaForCausalLM", .qwen2: "Qwen2ForCausalLM", .qwen3: "Qwen3ForCausalLM"]
        guard let className = classes[configuration.architecture], configuration.slidingWindow == nil else {
            throw ModelError(
                .unsupported, "a config.json of \(configuration.architecture.rawValue) models is not written; those of llama, qwen2 and qwen3 without a window are",
                file: path)
        }
        let types: [DType: String] = [.f32: "float32", .f16: "float16", .bf16: "bfloat16"]
        guard let type = types[dtype] else {
            throw ModelError(.unsupported, "a folder's tensors are f32, f16 or bf16, not \(dtype.name)", file: path)
        }
        var config: JSONObject = [
            "architectures": [.string(className)], "model_type": .string(configuration.architecture.modelType),
            "vocab_size": integer(configuration.vocabulary), "hidden_size": integer(configuration.hidden),
            "intermediate_size": integer(configuration.feedForward), "num_hidden_layers": integer(configuration.layers),
            "num_attention_heads": integer(configuration.heads), "num_key_value_heads": integer(configuration.keyValueHeads),
            "head_dim": integer(configuration.headDimension), "hidden_act": "silu",
            "max_position_embeddings": integer(configuration.contextLength), "rms_norm_eps": number(configuration.normEpsilon),
            "rope_theta": number(configuration.rope.base), "rope_scaling": try scaling(configuration, path: path),
            "tie_word_embeddings": .bool(configuration.tiedHead), "attention_dropout": 0.0, "initializer_range": 0.02, "use_cache": true,
            "torch_dtype": .string(type),
        ]
        try addBiases(configuration, to: &config, path: path)
        for (name, id) in [("bos", tokenizer.bos), ("eos", tokenizer.eos), ("pad", tokenizer.padding)] {
            config["\(name)_token_id"] = id.map { .integer(Int64($0)) } ?? .null
        }
        return .object(config)
    }

    private static func addBiases(_ configuration: DecoderConfiguration, to config: inout JSONObject, path: String) throws(ModelError) {
        let attention: Set<Projection> = [.query, .key, .value]
        switch (configuration.architecture, configuration.biases) {
        case (.qwen2, attention): config["use_sliding_window"] = false
        case (.llama, []), (.qwen3, []): config["attention_bias"] = false
        case (.llama, attention.union([.output])), (.qwen3, attention.union([.output])): config["attention_bias"] = true
        default:
            throw ModelError(
                .unsupported, "no config.json says biases on just \(configuration.biases.map(\.checkpointName).sorted().joined(separator: ", "))", file: path)
        }
    }

    private static func scaling(_ configuration: DecoderConfiguration, path: String) throws(ModelError) -> JSONValue {
        let rope = configuration.rope
        switch rope.scaling {
        case .none: return .null
        case .linear(let factor): return ["rope_type": "linear", "factor": number(factor)]
        case .yarn(let yarn):
            return [
                "rope_type": "yarn", "factor": number(yarn.factor), "original_max_position_embeddings": integer(yarn.originalContext),
                "beta_fast": number(yarn.fastTurns), "beta_slow": number(yarn.slowTurns), "attention_factor": number(rope.magnitude),
            ]
        case .llama3(let factor, let low, let high, let context):
            return [
                "rope_type": "llama3", "factor": number(factor), "low_freq_factor": number(low), "high_freq_factor": number(high),
                "original_max_position_embeddings": integer(context),
            ]
        case .divisors(let divisors):
            // The file has Llama 3's table worked out; the published models differ in the largest divisor alone.
            let factor = (divisors.max() ?? 1).rounded()
            var candidate = configuration
            candidate.rope.scaling = .llama3(factor: factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8192)
            let (own, other) = (rope.frequencies(dimension: configuration.rotaryDimension), candidate.rope.frequencies(dimension: configuration.rotaryDimension))
            guard zip(own, other).allSatisfy({ abs($0 - $1) <= 1e-4 * $1 }) else {
                throw ModelError(.unsupported, "its table of rotary divisors is not that of a Llama 3", file: path, tensor: WeightName.rotaryDivisors.gguf)
            }
            return try scaling(candidate, path: path)
        }
    }

    // MARK: Tokens

    private static func generation(_ tokenizer: GGUFTokenizer) -> JSONValue {
        let ends = [tokenizer.eos, tokenizer.eot].compactMap { $0 }.map { JSONValue.integer(Int64($0)) }
        var config: JSONObject = ["_from_model_config": true]
        if let bos = tokenizer.bos { config["bos_token_id"] = .integer(Int64(bos)) }
        if !ends.isEmpty { config["eos_token_id"] = ends.count == 1 ? ends[0] : .array(ends) }
        if let padding = tokenizer.padding { config["pad_token_id"] = .integer(Int64(padding)) }
        return .object(config)
    }

    private static func specialTokens(_ tokenizer: GGUFTokenizer) -> [(String, JSONValue)] {
        [("bos_token", tokenizer.bos), ("eos_token", tokenizer.eos), ("unk_token", tokenizer.unknown), ("pad_token", tokenizer.padding)].compactMap { name, id in
            id.map { (name, .string(tokenizer.tokens[Int($0)])) }
        }
    }

    private static func tokenizerConfig(_ tokenizer: GGUFTokenizer, _ model: ModelFiles) -> JSONValue {
        var config: JSONObject = [
            "tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": false, "clean_up_tokenization_spaces": false,
            "add_bos_token": .bool(tokenizer.addBOS), "add_eos_token": .bool(tokenizer.addEOS),
            "model_max_length": integer(model.configuration.contextLength),
        ]
        for (name, token) in specialTokens(tokenizer) { config[name] = token }
        switch (model.chatTemplate, model.toolTemplate) {
        case (let template?, let tools?):
            config["chat_template"] = [["name": "default", "template": .string(template)], ["name": "tool_use", "template": .string(tools)]]
        case (let template?, nil): config["chat_template"] = .string(template)
        default: break
        }
        return .object(config)
    }

    private static func integer(_ value: Int) -> JSONValue { .integer(Int64(value)) }

    /// With the fewest digits that are this f32.
    private static func number(_ value: Float) -> JSONValue { .number(Double("\(value)") ?? Double(value)) }
}
