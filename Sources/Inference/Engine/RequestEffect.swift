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

    /// An adapter's, on every token of a prompt, or from its invocation tokens on. What lies before those is computed by the base, and
    /// shared with it and with other adapters of the kind; keys and values after them stay with this request. Without them the base answers.
    static func of(_ adapter: PinnedAdapter, prompt: [Int32], partition: String? = nil) -> RequestEffect {
        switch adapter.delta.start(in: prompt) {
        case nil: base(partition: partition)
        case 0?: RequestEffect(delta: adapter.delta, owner: PrefixOwner(version: adapter.version, partition: partition))
        case let start?:
            RequestEffect(
                delta: adapter.delta, start: start, owner: PrefixOwner(version: nil, partition: partition), sharedTokens: start)
        }
    }

    /// With another delta from the last token of the prompt on; the tokens before it keep theirs, and are shared as before.
    func retrieving(_ found: AdapterDelta, promptTokens: Int) -> RequestEffect {
        RequestEffect(delta: found, prefix: delta, start: promptTokens - 1, owner: owner, sharedTokens: promptTokens - 1)
    }
}
