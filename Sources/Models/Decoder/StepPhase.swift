/// What a thread does in a step of the fast path, one thing after the other; a layer goes through most of them.
public enum StepPhase: Int, CaseIterable, Sendable {
    /// Tokens to rows of the residual stream.
    case embedding
    /// What is split by rows: norms, rounding to int8, activations, sums with the residual stream.
    case rows
    /// What adapters do before and after the base's products.
    case adapters
    /// The products of the base's query, key and value.
    case queryKeyValue
    /// Heads: norms, rotation, storing keys and values.
    case heads
    case attention
    /// The product of the attention's output.
    case output
    /// The products of gate and up.
    case gateUp
    case down
    /// All of a mixture in the base.
    case experts
    /// The product with the vocabulary's matrix.
    case head
    /// At barriers, for the other threads.
    case waiting
}
