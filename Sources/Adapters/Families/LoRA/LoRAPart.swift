/// The tensors of a module that a LoRA changes.
enum LoRAPart: String, ModulePart {
    /// `[rank, inputs]`
    case a = "lora_A.weight"
    /// `[outputs, rank]`
    case b = "lora_B.weight"
    /// `[outputs]`
    case bias = "lora_B.bias"
    /// `[outputs]`: the norm of each output row (DoRA).
    case magnitude = "lora_magnitude_vector"
    /// The same as it is called in memory, and in some files.
    case magnitudeWeight = "lora_magnitude_vector.weight"
    /// What VeLoRA compresses activations with while it trains. It has no part in answers, and is not read.
    case velora = "lora_velora_embed"
}
