internal import Weights

extension DecoderConfiguration {
    /// What the metadata of a family's GGUF files say beyond the keys that all families have. Norms have their 1 already.
    mutating func readFamily(_ file: GGUFFile) throws(WeightsError) {
        let (metadata, type) = (file.metadata, architecture.gguf)
        func factor(_ key: String) throws(WeightsError) -> Float? { try metadata.optionalFloat("\(type).\(key)").flatMap { $0 == 0 ? nil : $0 } }
        switch architecture {
        case .llama, .mistral, .qwen2, .qwen3, .gemma3, .mixtral, .qwen3moe: break
        case .gemma: embeddingScale = Float(hidden).squareRoot()
        case .gemma2:
            embeddingScale = Float(hidden).squareRoot()
            attentionSoftCap = try metadata.optionalFloat("gemma2.attn_logit_softcapping") ?? 50
            logitSoftCap = try metadata.optionalFloat("gemma2.final_logit_softcapping") ?? 30
            slidingWindow = slidingWindow ?? 4096
            fullLayers = Self.fullLayers(every: 2, of: layers)
            // The largest of the family, 46 layers deep, scales by its hidden size; the file does not say so.
            if layers == 46, heads > 0 { attentionScale = 1 / Float(hidden / heads).squareRoot() }
        case .smollm3: unrotatedLayers = Self.fullLayers(every: 4, of: layers)
        case .granite:
            embeddingScale = try factor("embedding_scale") ?? 1
            attentionScale = try factor("attention.scale") ?? attentionScale
            residualScale = try factor("residual_scale") ?? 1
            logitScale = 1 / (try factor("logit_scale") ?? 1)
        case .phi3: isFused = file.tensors["blk.0.attn_qkv.weight"] != nil
        case .olmo2: (inputNorms, normsWholeHeads) = (false, true)
        case .gptOSS:
            experts?.hasBiases = true
            (activation, hasSinks) = (.clamped(slope: 1.702, limit: 7), true)
            slidingWindow = slidingWindow ?? 128
            fullLayers = Self.fullLayers(every: 2, of: layers)
        case .mistral3:
            guard let beta = try factor("attention.temperature_scale") else { break }
            queryTemperature = QueryTemperature(
                beta: beta, originalContext: try metadata.int("\(type).rope.scaling.original_context_length"))
        }
    }
}

extension DecoderConfiguration.Architecture {
    /// Its layers are mixtures of experts.
    var holdsExperts: Bool { [.mixtral, .qwen3moe, .gptOSS].contains(self) }
}

extension RotaryEmbedding {
    /// `dimension`: elements of a head that are rotated.
    init(gguf file: GGUFFile, _ type: String, dimension: Int) throws(WeightsError) {
        let metadata = file.metadata
        let base = try metadata.optionalFloat("\(type).rope.freq_base") ?? 10000
        let kind = try metadata.optionalString("\(type).rope.scaling.type") ?? "none"
        func scaling(_ key: String) -> String { "\(type).rope.scaling.\(key)" }
        if file.tensors["rope_factors_long.weight"] != nil {
            // LongRoPE: see `longRoPE` of Hugging Face folders.
            let original = try metadata.int(scaling("original_context_length"))
            let isLong = try metadata.int("\(type).context_length") > original
            let short = try Self.divisors(file, "rope_factors_short.weight", dimension)
            let divisors = isLong ? try Self.divisors(file, "rope_factors_long.weight", dimension) : short
            self.init(base: base, scaling: .divisors(divisors), magnitude: try metadata.optionalFloat(scaling("attn_factor")) ?? 1)
            if isLong { self.short = ShortFactors(divisors: short, positions: original) }
            return
        }
        if file.tensors[WeightName.rotaryDivisors.gguf] != nil {
            // Llama 3.1's scaling, already worked out for each frequency.
            guard kind == "none" || kind == "linear" else {
                throw WeightsError(
                    .unsupported, "divisors with rotary scaling \(kind.debugDescription) are not implemented",
                    file: file.path, tensor: WeightName.rotaryDivisors.gguf)
            }
            let factor = kind == "linear" ? try metadata.float(scaling("factor")) : 1
            self.init(base: base, scaling: .divisors(try Self.divisors(file, WeightName.rotaryDivisors.gguf, dimension).map { $0 * factor }))
            return
        }
        switch kind {
        case "none": self.init(base: base)
        case "linear": self.init(base: base, scaling: .linear(factor: try metadata.float(scaling("factor"))))
        case "yarn":
            let factor = try metadata.float(scaling("factor"))
            var yarn = YaRN(factor: factor, originalContext: try metadata.int(scaling("original_context_length")))
            yarn.fastTurns = try metadata.optionalFloat(scaling("yarn_beta_fast")) ?? yarn.fastTurns
            yarn.slowTurns = try metadata.optionalFloat(scaling("yarn_beta_slow")) ?? yarn.slowTurns
            // The files do not say it; the model was trained so.
            yarn.truncates = type != DecoderConfiguration.Architecture.gptOSS.gguf
            // The factor of the file multiplies that of YaRN; `yarn_log_multiplier` is a tenth of `mscale_all_dim`, which divides it.
            var magnitude = YaRN.magnitude(Double(factor)) * Double(try metadata.optionalFloat(scaling("attn_factor")) ?? 1)
            if let multiplier = try metadata.optionalFloat(scaling("yarn_log_multiplier")), multiplier != 0 {
                magnitude /= YaRN.magnitude(Double(factor), 10 * Double(multiplier))
            }
            self.init(base: base, scaling: .yarn(yarn), magnitude: Float(magnitude))
        default:
            throw WeightsError(
                .unsupported, "rotary scaling \(kind.debugDescription) is not implemented; none, linear and yarn are",
                file: file.path)
        }
    }

    private static func divisors(_ file: GGUFFile, _ name: String, _ dimension: Int) throws(WeightsError) -> [Float] {
        let view = try file.tensor(name, shape: [dimension / 2])
        guard view.dtype == .f32 else {
            throw WeightsError(
                .unsupported, "\(view.dtype.name) divisors are not implemented; f32 are", file: file.path, tensor: view.name)
        }
        return view.withUnsafeBytes { bytes in
            (0..<view.elementCount).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }
}
