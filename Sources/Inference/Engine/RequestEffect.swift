import Adapters
import Models

/// What the adapter of one request does, and where in the sequence it begins.
struct RequestEffect: Sendable {
    /// Nil: the base.
    var delta: AdapterDelta?
    /// The first token on which the delta acts; those before it are the base's.
    var start = 0
    /// Whose keys and values the sequence shares.
    var version: PrefixCache.Version
    /// Tokens whose keys and values may be shared with other requests under that version.
    var sharedTokens = Int.max

    static let base = RequestEffect(delta: nil, version: nil)

    /// The same on every token.
    static func whole(_ adapter: PinnedAdapter) -> RequestEffect { RequestEffect(delta: adapter.delta, version: adapter.version) }

    /// From the last token of the prompt on; what stands before it is the base's.
    static func retrieved(_ delta: AdapterDelta, promptTokens: Int) -> RequestEffect {
        RequestEffect(delta: delta, start: promptTokens - 1, version: nil, sharedTokens: promptTokens - 1)
    }
}
