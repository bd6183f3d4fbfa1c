/// Families of PEFT that are not served here, and what can be made of an adapter of theirs. The lists are those of PEFT 0.21.2, each tried
/// with `supports_lora_conversion`, `save_as_lora` and `merge_and_unload` on a small model.
enum ForeignFamily {
    /// A LoRA can do exactly the same, with at least the adapter's own rank.
    private static let exact: Set<String> = ["VBLORA", "UNILORA", "TINYLORA"]
    /// They add a matrix to the base's, to which a LoRA can come near.
    private static let additive: Set<String> = ["LOKR", "FOURIERFT", "C3A", "RANDLORA", "GRALORA", "WAVEFT", "PSOFT"]
    /// They change the base's matrices, and PEFT makes no LoRA of them.
    private static let merged: Set<String> = [
        "SHIRA", "PVERA", "ADAMSS", "BOFT", "OFT", "FROD", "GLORA", "HRA", "ROAD", "HIRA", "OSF", "PEANUT", "SUPERTUNING", "DEFT",
    ]
    /// They put something before the prompt, beside the attention or between the layers: nothing can be merged.
    private static let unmerged: Set<String> = [
        "PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "MULTITASK_PROMPT_TUNING", "ADAPTION_PROMPT", "CPT", "CARTRIDGE", "LILY", "SHADOW", "POLY",
    ]

    /// What to do where an adapter can only become a base.
    static let merge =
        "merge it into the base (in peft: `model.merge_and_unload().save_pretrained(\"NEW\")`) and serve NEW as a base of its own"

    /// What to do, for the end of a message.
    static func wayOut(_ type: String) -> String {
        switch type {
        case _ where unmerged.contains(type): return "it has no weights to merge: train a LoRA"
        case "XLORA": return "serve its adapters one by one: the router here chooses among them"
        case "BEFT":
            return "it trains biases alone: where the base has them, \(merge); elsewhere train a LoRA with `lora_bias`"
        case "BONE":
            return "peft calls it MISS today, which is served: its script convert-bone-to-miss.py converts the folder"
        case _ where merged.contains(type): return merge
        case _ where exact.contains(type):
            return "load it with peft and run `peft.save_as_lora(\"NEW\", model, rank=R)`: with R no smaller than its own rank that LoRA does the same"
        case _ where additive.contains(type):
            return "load it with peft and run `peft.save_as_lora(\"NEW\", model, rank=R)`, which makes a LoRA that comes near to it (R: a rank, or"
                + " a share of the change such as 0.99); or \(merge)"
        default:
            return "where peft's `model.supports_lora_conversion()` is true, `peft.save_as_lora(\"NEW\", model, rank=R)` makes a LoRA that comes near"
                + " to it; or \(merge)"
        }
    }
}
