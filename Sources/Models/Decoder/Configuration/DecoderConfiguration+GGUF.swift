internal import Weights

extension DecoderConfiguration {
    /// Reads the metadata of a GGUF file; which tensors it has says the rest (vocabulary, tied head, biases).
    ///
    /// Errors: `malformed`, `unsupported` architectures and rotary scalings, `invalidConfiguration`.
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
        let expertCount = try metadata.optionalInt("\(type).expert_count") ?? 0
        guard let architecture = Architecture.allCases.first(where: { $0.gguf == type && ($0.holdsExperts == (expertCount > 0)) }) else {
            let known = Set(Architecture.allCases.map(\.gguf)).sorted().joined(separator: ", ")
            let isKnown = Architecture.allCases.contains { $0.gguf == type }
            throw WeightsError(
                .unsupported,
                isKnown
                    ? "architecture \(type.debugDescription) with \(expertCount) experts is not implemented"
                    : "architecture \(type.debugDescription) is not implemented; \(known) are", file: file.path)
        }
        let hidden = try metadata.int("\(type).embedding_length")
        let heads = try metadata.int("\(type).attention.head_count")
        let headDimension =
            try metadata.optionalInt("\(type).attention.key_length") ?? (heads > 0 ? hidden / heads : 0)
        let rotated = try metadata.optionalInt("\(type).rope.dimension_count") ?? headDimension
        let valueLength = try metadata.optionalInt("\(type).attention.value_length") ?? headDimension
        for (key, other) in [("attention.value_length", valueLength), ("rope.dimension_count", rotated)]
        where other != headDimension && !(architecture == .phi3 && other == rotated && 1...max(headDimension, 1) ~= rotated) {
            throw WeightsError(
                .unsupported, "\(other) found; other than the head dimension \(headDimension) is not implemented",
                file: file.path, key: "\(type).\(key)")
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
            headDimension: headDimension,
            feedForward: try metadata.int("\(type).\([.qwen3moe, .gptOSS].contains(architecture) ? "expert_" : "")feed_forward_length"),
            contextLength: try metadata.int("\(type).context_length"),
            normEpsilon: try metadata.float("\(type).attention.layer_norm_rms_epsilon"),
            rope: try RotaryEmbedding(gguf: file, type, dimension: rotated),
            slidingWindow: try metadata.optionalInt("\(type).attention.sliding_window").flatMap { $0 == 0 ? nil : $0 },
            tiedHead: file.tensors[WeightName.head.gguf] == nil,
            biases: Set(
                Projection.allCases.filter {
                    file.tensors[WeightName.bias(0, $0).gguf] != nil
                        || (architecture == .qwen2 && [.query, .key, .value].contains($0))
                }),
            headNorms: [.qwen3, .qwen3moe, .olmo2].contains(architecture), outputNorms: [.gemma2, .olmo2].contains(architecture),
            activation: architecture == .gemma || architecture == .gemma2 ? .geluTanh : .silu)
        rotaryDimension = rotated
        if expertCount > 0 {
            experts = ExpertLayout(count: expertCount, chosen: try metadata.int("\(type).expert_used_count"), normalizes: true)
        }
        if architecture == .gemma3 { self = try gemma3(gguf: metadata) } else { try readFamily(file) }
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
