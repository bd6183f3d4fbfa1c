/// How the fast path keeps keys and values. The bits of a row depend on it, as on the weights' format.
public enum KeyValueFormat: String, Sendable, CaseIterable {
    /// 11 bits of precision.
    case f16
    /// 8 bits of precision in as much memory. An instruction of newer CPUs multiplies pairs of them (queries and the weights of
    /// values are rounded to bf16, too): the longer a context, the more time that saves.
    case bf16
    /// 8 bits, with a f32 scale for each position and head: a little more than half of the memory, which long contexts are
    /// bound by.
    case int8
}
