import Adapters
import Models

/// The effect of one request's adapter and memory, and where in the sequence it begins.
struct RequestEffect: Sendable {
    /// Nil: the base.
    var delta: AdapterDelta?
    /// What acts on the tokens before `start`; nil: the base.
    var prefix: AdapterDelta?
    /// The first token on which the delta acts.
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

    /// With another delta from the last token of the prompt on; the tokens before it keep theirs, and are shared as before.
    func retrieving(_ found: AdapterDelta, promptTokens: Int) -> RequestEffect {
        RequestEffect(delta: found, prefix: delta, start: promptTokens - 1, owner: owner, sharedTokens: promptTokens - 1)
    }
}
