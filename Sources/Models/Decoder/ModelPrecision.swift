/// How a model is computed.
public enum ModelPrecision: String, Sendable, CaseIterable {
    /// Packed weights, int8 activations in blocks of 32; keys and values in a `KeyValueFormat`.
    case fast
    /// Weights dequantised to f32 as they are used, sgemm, f32 keys and values: slow, and exact against `transformers`.
    case reference
}
