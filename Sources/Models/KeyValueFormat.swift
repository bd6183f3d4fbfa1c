/// How the fast path keeps keys and values. The bits of a row depend on it, as on the weights' format.
public enum KeyValueFormat: String, Sendable, CaseIterable {
    /// 11 bits of precision.
    case f16
    /// 8 bits, with a f32 scale for each position and head: a little more than half of the memory, which long contexts are
    /// bound by.
    case int8
}
