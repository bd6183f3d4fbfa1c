internal import Weights

extension DecoderConfiguration {
    /// Reads the metadata of a GGUF file; which tensors it has says the rest (vocabulary, tied head, biases).
    ///
    /// Errors: `malformed`, `unsupported` architectures, experts and rotary scalings, `invalidConfiguration`.
    init(gguf file: GGUFFile, name: String) throws(ModelError) {
        do throws(WeightsError) {
            try self.init(reading: file, name: name)
        } catch {
            throw ModelError(error)
        }
        self = try validated(file: file.path)
    }

    private init(reading file: GGUFFile, name: String) throws(WeightsError) {
        let metadata = file.metadata
        let type = try metadata.architecture
        guard let architecture = Architecture(rawValue: type) else {
            let known = Architecture.allCases.map(\.rawValue).joined(separator: ", ")
            throw WeightsError(
                .unsupported, "architecture \(type.debugDescription) is not implemented; \(known) are", file: file.path)
        }
        if try metadata.optionalInt("\(type).expert_count") ?? 0 > 0 {
            throw WeightsError(.unsupported, "mixtures of experts are not implemented", file: file.path)
        }
        let hidden = try metadata.int("\(type).embedding_length")
        let heads = try metadata.int("\(type).attention.head_count")
        let headDimension =
            try metadata.optionalInt("\(type).attention.key_length") ?? (heads > 0 ? hidden / heads : 0)
        for key in ["\(type).attention.value_length", "\(type).rope.dimension_count"] {
            let other = try metadata.optionalInt(key) ?? headDimension
            guard other == headDimension else {
                throw WeightsError(
                    .unsupported, "\(other) found; other than the head dimension \(headDimension) is not implemented",
                    file: file.path, key: key)
            }
        }
        let embedding = try file.tensor(WeightName.embedding.gguf)
        guard embedding.shape.count == 2 else {
            throw WeightsError(
                .wrongShape, "expected a matrix, found shape \(embedding.shape)", file: file.path, tensor: embedding.name)
        }
        self.init(
            name: try metadata.optionalString("general.name") ?? name, architecture: architecture,
            vocabulary: embedding.shape[0], hidden: hidden, layers: try metadata.int("\(type).block_count"),
            heads: heads, keyValueHeads: try metadata.optionalInt("\(type).attention.head_count_kv") ?? heads,
            headDimension: headDimension, feedForward: try metadata.int("\(type).feed_forward_length"),
            contextLength: try metadata.int("\(type).context_length"),
            normEpsilon: try metadata.float("\(type).attention.layer_norm_rms_epsilon"),
            rope: try RotaryEmbedding(gguf: file, type, headDimension: headDimension),
            slidingWindow: try metadata.optionalInt("\(type).attention.sliding_window").flatMap { $0 == 0 ? nil : $0 },
            tiedHead: file.tensors[WeightName.head.gguf] == nil,
            biases: Set(
                Projection.allCases.filter {
                    file.tensors[WeightName.bias(0, $0).gguf] != nil
                        || (architecture == .qwen2 && [.query, .key, .value].contains($0))
                }),
            headNorms: architecture == .qwen3)
        if architecture == .gemma3 { self = try gemma3(gguf: metadata) }
    }
}

extension RotaryEmbedding {
    fileprivate init(gguf file: GGUFFile, _ type: String, headDimension: Int) throws(WeightsError) {
        let metadata = file.metadata
        let base = try metadata.optionalFloat("\(type).rope.freq_base") ?? 10000
        let kind = try metadata.optionalString("\(type).rope.scaling.type") ?? "none"
        if file.tensors[WeightName.rotaryDivisors.gguf] != nil {
            // Llama 3.1's scaling, already worked out for each frequency.
            let view = try file.tensor(WeightName.rotaryDivisors.gguf, shape: [headDimension / 2])
            guard view.dtype == .f32, kind == "none" || kind == "linear" else {
                throw WeightsError(
                    .unsupported, "\(view.dtype.name) divisors with rotary scaling \(kind.debugDescription) are not implemented",
                    file: file.path, tensor: view.name)
            }
            let factor = kind == "linear" ? try metadata.float("\(type).rope.scaling.factor") : 1
            let divisors = view.withUnsafeBytes { bytes in
                (0..<view.elementCount).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) * factor }
            }
            self.init(base: base, scaling: .divisors(divisors))
            return
        }
        switch kind {
        case "none": self.init(base: base)
        case "linear":
            self.init(base: base, scaling: .linear(factor: try metadata.float("\(type).rope.scaling.factor")))
        default:
            throw WeightsError(
                .unsupported, "rotary scaling \(kind.debugDescription) is not implemented; none and linear are",
                file: file.path)
        }
    }
}

extension ModelError {
    /// Runs what reads files of weights; its error becomes this module's.
    static func converting<Value>(_ read: () throws(WeightsError) -> Value) throws(ModelError) -> Value {
        do throws(WeightsError) {
            return try read()
        } catch {
            throw ModelError(error)
        }
    }

    /// What went wrong with a file of weights, as this module's error.
    init(_ error: WeightsError) {
        let code: Code =
            switch error.code {
            case .notFound: .notFound
            case .unsupported: .unsupported
            case .missingTensor: .missingTensor
            case .wrongShape: .wrongShape
            case .limitExceeded: .limitExceeded
            default: .malformed
            }
        self.init(code, error.key.map { "\($0): \(error.message)" } ?? error.message, file: error.file, tensor: error.tensor)
    }
}
