import Adapters
import Models

/// The effect of one request's adapter, and where in the sequence it begins.
struct RequestEffect: Sendable {
    /// Nil: the base.
    var delta: AdapterDelta?
    /// The first token on which the delta acts; those before it are the base's.
    var start = 0
    /// Whose keys and values the sequence shares.
    var owner: PrefixOwner
    /// Tokens whose keys and values may be shared with other requests of that owner.
    var sharedTokens = Int.max

    static func base(partition: String? = nil) -> RequestEffect {
        RequestEffect(delta: nil, owner: PrefixOwner(version: nil, partition: partition))
    }

    /// The same on every token.
    static func whole(_ adapter: PinnedAdapter, partition: String? = nil) -> RequestEffect {
        RequestEffect(delta: adapter.delta, owner: PrefixOwner(version: adapter.version, partition: partition))
    }

    /// The delta acts from the last token of the prompt on; the tokens before it are computed by the base.
    static func retrieved(_ delta: AdapterDelta, promptTokens: Int, partition: String? = nil) -> RequestEffect {
        RequestEffect(
            delta: delta, start: promptTokens - 1, owner: PrefixOwner(version: nil, partition: partition), sharedTokens: promptTokens - 1)
    }
}
