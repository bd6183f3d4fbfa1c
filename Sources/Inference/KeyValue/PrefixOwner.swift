/// Whose prompts share keys and values: equal tokens under another owner are other blocks.
struct PrefixOwner: Hashable, Sendable {
    /// Content version of the adapter that computed the block; nil is the base alone.
    var version: String?
    /// The request's cache partition; requests of different partitions share nothing.
    var partition: String?

    /// The keys are those of LongRoPE's short factors: see `RotaryEmbedding.isShort`.
    var isShort = false

    static let base = PrefixOwner()
}
