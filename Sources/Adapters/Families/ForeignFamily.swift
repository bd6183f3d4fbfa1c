/// Families of PEFT that are not served here, and what can be made of an adapter of theirs.
enum ForeignFamily {
    /// They add a matrix to the base's, and PEFT's `supports_lora_conversion()` is true of them: a LoRA can come near to it.
    private static let additive: Set<String> = [
        "LOHA", "LOKR", "FOURIERFT", "C3A", "RANDLORA", "GRALORA", "VBLORA", "WAVEFT", "MISS", "BONE", "DELORA", "UNILORA", "HYPERLORA",
    ]
    /// They change the base's matrices, and `supports_lora_conversion()` is false of them (PEFT 0.21.2).
    private static let merged: Set<String> = ["ADALORA", "SHIRA", "LILY", "PVERA"]
    /// They put something before the prompt, or beside the attention: there is nothing to merge.
    private static let prompts: Set<String> = [
        "PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "MULTITASK_PROMPT_TUNING", "ADAPTION_PROMPT", "CPT", "CARTRIDGE",
    ]
    /// They choose among adapters or combine them.
    private static let mixtures: Set<String> = ["XLORA", "POLY"]

    /// What to do, for the end of a message.
    static func wayOut(_ type: String) -> String {
        let merge = "merge it into the base (peft's merge_and_unload) and serve the result as a base of its own"
        if prompts.contains(type) { return "it has no weights to merge: train a LoRA" }
        if mixtures.contains(type) { return "serve its adapters one by one: the router here chooses among them" }
        if merged.contains(type) { return merge }
        if additive.contains(type) {
            return "peft's save_as_lora(path, model, rank=…) makes a LoRA that comes near to it; or \(merge)"
        }
        return "where peft's model.supports_lora_conversion() is true, save_as_lora(path, model, rank=…) makes a LoRA that comes near to it; or \(merge)"
    }
}
