/// The two modules outside the layers that an adapter may change.
enum VocabularyModule: String, CaseIterable, Sendable {
    case embedding = "model.embed_tokens"
    case head = "lm_head"

    /// As adapters name it.
    var path: String { rawValue }
    /// `embed_tokens`
    var shortName: String { String(path.split(separator: ".").last ?? "") }

    /// The module with this path, or with a path that ends in this name after a dot.
    init?(named name: String) {
        guard let module = Self.allCases.first(where: { $0.path == name || $0.path.hasSuffix("." + name) }) else { return nil }
        self = module
    }
}

/// The tensors of such a module in a PEFT file.
enum VocabularyPart: String, ModulePart {
    /// `[rank, vocabulary]` and `[hidden, rank]`: LoRA of the embedding.
    case embeddingA = "lora_embedding_A"
    case embeddingB = "lora_embedding_B"
    /// `[rank, hidden]`, `[vocabulary, rank]` and `[vocabulary]`: LoRA of the head.
    case a = "lora_A.weight"
    case b = "lora_B.weight"
    case bias = "lora_B.bias"
    /// `[hidden]` of the embedding, `[vocabulary]` of the head: DoRA.
    case magnitude = "lora_magnitude_vector"
    case magnitudeWeight = "lora_magnitude_vector.weight"
    /// `[vocabulary, hidden]`: a copy of the base's weights that peft writes with the trained tensors; it replaces the base's own.
    case copy = "base_layer.weight"
    case tokensCopy = "token_adapter.base_layer.weight"
    /// Such a copy for a module that is not targeted, or the trained matrix of a module in `modules_to_save`.
    case weight = "weight"
    /// `[tokens, hidden]`: rows of trained tokens, absolute despite the name. The second name is that of adapters with trained tokens only.
    case tokens = "token_adapter.trainable_tokens_delta"
    case tokensAlone = "trainable_tokens_delta"

    /// Written once more, beside `weight`, when peft saves the matrices of an enlarged vocabulary: the trained one, and the base's. Not read.
    case savedTwice = "modules_to_save.weight"
    case original = "original_module.weight"

    static let copies: [VocabularyPart] = [.copy, .tokensCopy, .weight]
}
