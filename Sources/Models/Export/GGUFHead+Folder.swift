internal import Tensors
internal import Weights

/// Metadata for a model from a Hugging Face folder, with llama.cpp's keys.
extension GGUFHead {
    static func made(of files: ModelFiles, _ configuration: DecoderConfiguration) throws(ModelError) -> [GGUFField] {
        let known: [DecoderConfiguration.Architecture] = [.llama, .qwen2, .qwen3]
        guard known.contains(configuration.architecture) else {
            throw ModelError(
                .unsupported,
                "a \(configuration.architecture.modelType) folder is not written as GGUF; \(known.map(\.modelType).joined(separator: ", ")) are",
                file: files.path)
        }
        guard configuration.slidingWindow == nil else {
            throw ModelError(.unsupported, "a sliding window of a \(configuration.architecture.modelType) has no place in GGUF files", file: files.path)
        }
        let type = configuration.architecture.gguf
        var pairs = [
            GGUFField("general.architecture", .string(type)), GGUFField("general.type", .string("model")),
            GGUFField("general.name", .string(configuration.name)),
        ]
        func add(_ key: String, _ value: GGUFField.Value) { pairs.append(GGUFField("\(type).\(key)", value)) }
        add("block_count", .u32(UInt32(configuration.layers)))
        add("context_length", .u32(UInt32(configuration.contextLength)))
        add("embedding_length", .u32(UInt32(configuration.hidden)))
        add("feed_forward_length", .u32(UInt32(configuration.feedForward)))
        add("attention.head_count", .u32(UInt32(configuration.heads)))
        add("attention.head_count_kv", .u32(UInt32(configuration.keyValueHeads)))
        add("attention.key_length", .u32(UInt32(configuration.headDimension)))
        add("attention.value_length", .u32(UInt32(configuration.headDimension)))
        add("attention.layer_norm_rms_epsilon", .f32(configuration.normEpsilon))
        add("vocab_size", .u32(UInt32(configuration.vocabulary)))
        add("rope.dimension_count", .u32(UInt32(configuration.rotaryDimension)))
        add("rope.freq_base", .f32(configuration.rope.base))
        try addScaling(configuration, path: files.path, add)
        pairs += try GGUFTokenizer(ModelFolder(files.path), vocabulary: configuration.vocabulary).pairs
        if let template = files.chatTemplate { pairs.append(GGUFField("tokenizer.chat_template", .string(template))) }
        if let template = files.toolTemplate {
            pairs.append(GGUFField("tokenizer.chat_templates", .strings(["tool_use"])))
            pairs.append(GGUFField("tokenizer.chat_template.tool_use", .string(template)))
        }
        return pairs
    }

    private static func addScaling(
        _ configuration: DecoderConfiguration, path: String, _ add: (String, GGUFField.Value) -> Void
    ) throws(ModelError) {
        switch configuration.rope.scaling {
        case .none, .llama3: break
        case .linear(let factor):
            add("rope.scaling.type", .string("linear"))
            add("rope.scaling.factor", .f32(factor))
        case .yarn(let yarn):
            guard configuration.rope.magnitude == Float(RotaryEmbedding.YaRN.magnitude(Double(yarn.factor))) else {
                throw ModelError(.unsupported, "YaRN with an attention factor of its own is not written as GGUF", file: path)
            }
            add("rope.scaling.type", .string("yarn"))
            add("rope.scaling.factor", .f32(yarn.factor))
            add("rope.scaling.original_context_length", .u32(UInt32(yarn.originalContext)))
            add("rope.scaling.yarn_beta_fast", .f32(yarn.fastTurns))
            add("rope.scaling.yarn_beta_slow", .f32(yarn.slowTurns))
        case .divisors:
            throw ModelError(.unsupported, "LongRoPE is not written as GGUF", file: path)
        }
    }

    /// Llama 3's scaling of rotary frequencies is a table in GGUF files: what each frequency is divided by.
    static func divisors(_ configuration: DecoderConfiguration) -> Constant? {
        guard case .llama3(let factor, let low, let high, let context) = configuration.rope.scaling else { return nil }
        let plain = RotaryEmbedding(base: configuration.rope.base).frequencies(dimension: configuration.rotaryDimension)
        let divisors = plain.map { frequency -> Float in
            let wavelength = 2 * Float.pi / frequency
            if wavelength < Float(context) / high { return 1 }
            if wavelength > Float(context) / low { return factor }
            let smooth = (Float(context) / wavelength - low) / (high - low)
            return 1 / ((1 - smooth) / factor + smooth)
        }
        return Constant(
            tensor: PlannedTensor(WeightName.rotaryDivisors.gguf, .f32, [divisors.count]),
            bytes: divisors.flatMap { divisor in withUnsafeBytes(of: divisor.bitPattern.littleEndian) { Array($0) } })
    }
}
