/// PEFT's name in files for a tensor that another tool, or PEFT in memory, calls differently:
///
/// - what wraps the model may be missing, doubled or of another framework: `layers.0.mlp.up_proj…`, `language_model.model.layers.0…`;
/// - what wraps single modules may be left in it: `_orig_mod`, `_checkpoint_wrapped_module`, `_fsdp_wrapped_module`;
/// - `modules_to_save.default.weight` for a module of the adapter's own, beside the base's in `original_module.weight`;
/// - the adapter's name may stand in it: `lora_A.default.weight`;
/// - of AdaLoRA, whose A and B have no `.weight`, the adapter's name alone;
/// - `lora_down` and `lora_up` for A and B, `lora_A` without `.weight`, a magnitude with it;
/// - `lora_a` and `lora_b` of mlx-lm, which hold the matrices transposed;
/// - `alpha`, a scalar that belongs into the configuration;
/// - the names of the first MixLoRA.
struct CanonicalName: Equatable {
    /// Unchanged for every other name.
    let name: String
    /// Elements have to be transposed.
    var isTransposed = false
    /// The module whose alpha this is.
    var alphaOf: String?

    /// The tensor is a copy of the base's that PEFT keeps in memory: nothing of the adapter's.
    var isBaseCopy = false

    private static let wrappers: Set<Substring> = ["base_model", "model", "language_model", "text_model", "module"]
    /// Wherever they stand in a name.
    private static let innerWrappers: Set<Substring> = [
        "_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module", "_forward_module", "_fpw_module",
    ]
    private static let shared: Set<Substring> = ["vera_A", "vera_B"]

    /// `peftType` as in the configuration: of AdaLoRA the matrices are named otherwise.
    init(_ name: String, peftType: String? = nil) {
        if let current = LegacyMixLoRA.name(name) {
            self.name = current
            return
        }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false).filter { !Self.innerWrappers.contains($0) }
        let inner = parts.drop(while: Self.wrappers.contains)
        guard let first = inner.first else {
            self.name = name
            return
        }
        if Self.shared.contains(first), inner.count <= 2 {
            self.name = "base_model.\(first)"
            return
        }
        guard let module = Self.module(inner) else {
            self.name = name
            return
        }
        let rest = inner.dropFirst(module.partCount)
        if rest.elementsEqual(["alpha"]) {
            self.name = name
            alphaOf = module.path
            return
        }
        isBaseCopy = rest.first == "original_module"
        let isAdaptive = peftType?.uppercased() == "ADALORA"
        guard let ending = Self.ending(rest, isEmbedding: module.path == BaseModules.embedding, isAdaptive: isAdaptive) else {
            self.name = name
            return
        }
        self.name = "\(PartName<LoRAPart>.prefix)\(module.path).\(ending.text)"
        isTransposed = ending.isTransposed
    }

    init(_ name: String, isTransposed: Bool) {
        self.name = name
        self.isTransposed = isTransposed
    }

    /// For the end of a message about a tensor that nothing reads: empty where no other name would help.
    static func hint(_ name: String) -> String {
        let canonical = CanonicalName(name)
        guard canonical.name != name || canonical.alphaOf != nil || canonical.isBaseCopy else { return "" }
        return "; `lmoe adapters convert` writes the adapter under PEFT's names"
    }

    private static func module(_ parts: ArraySlice<Substring>) -> (path: String, partCount: Int)? {
        switch parts.first {
        case "embed_tokens": return (BaseModules.embedding, 1)
        case "lm_head": return (BaseModules.head, 1)
        case "norm": return ("model.norm", 1)
        case "layers" where parts.count > 3 && parts[parts.startIndex + 2].hasSuffix("layernorm"):
            return ("model." + parts.prefix(3).joined(separator: "."), 3)
        case "layers":
            guard parts.count > 4 else { return nil }
            let count = experts(parts.dropFirst(3)) ?? 4
            return ("model." + parts.prefix(count).joined(separator: "."), count)
        default: return nil
        }
    }

    /// The parts of a path that names the base's experts, all or one of them; nil: `after` a layer's block comes something else.
    private static func experts(_ after: ArraySlice<Substring>) -> Int? {
        guard after.first == "experts", after.count > 2, let second = after.dropFirst().first else { return nil }
        if Int(second) != nil { return after.count > 3 ? 6 : nil }
        return second == "base_layer" ? 5 : nil
    }

    private static func ending(
        _ parts: ArraySlice<Substring>, isEmbedding: Bool, isAdaptive: Bool
    ) -> (text: String, isTransposed: Bool)? {
        guard let first = parts.first, parts.count <= 3 else { return nil }
        let text = parts.joined(separator: ".")
        if ["weight", "bias", "base_layer.weight", "base_layer.bias"].contains(text) { return (text, false) }
        let last = parts.count > 1 ? parts.last : nil
        func matrix(_ letter: String, transposed: Bool = false) -> (String, Bool) {
            (isEmbedding ? "lora_embedding_\(letter)" : "lora_\(letter).weight", transposed)
        }
        if isAdaptive, parts.count <= 2, ["lora_A", "lora_B", "lora_E"].contains(first) { return (String(first), false) }
        switch first {
        case "lora_A": return matrix("A")
        case "lora_B": return last == "bias" ? ("lora_B.bias", false) : matrix("B")
        case "lora_down": return matrix("A")
        case "lora_up": return last == "bias" ? ("lora_B.bias", false) : matrix("B")
        case "lora_a" where parts.count == 1: return matrix("A", transposed: true)
        case "lora_b" where parts.count == 1: return matrix("B", transposed: true)
        case "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector", "ia3_l", "vera_lambda_b", "vera_lambda_d",
            "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "miss_block", "delora_A", "delora_B", "delora_lambda", "delora_w_norm",
            "lora_velora_embed":
            return (String(first), false)
        case "modules_to_save" where parts.count == 3 && (last == "weight" || last == "bias"): return (String(parts.last ?? ""), false)
        case "ln_tuning_layers" where last == "weight": return ("ln_tuning_layers.weight", false)
        case "token_adapter" where parts.dropFirst().first == "trainable_tokens_delta":
            return ("token_adapter.trainable_tokens_delta", false)
        default: return nil
        }
    }
}
