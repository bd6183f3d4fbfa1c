import Generation
internal import Synchronization
internal import Tensors

/// The adapters of recent conversations. Any thread; bounded.
///
/// The API is stateless: each request repeats the conversation and adds a turn. So the user's turns up to now, with the caller's key and
/// `user`, identify a conversation. Turns of the assistant and the system do not count, since clients trim and change them. Two callers
/// without key and `user` share a conversation while their turns are the same. That is harmless, as the router gets the same texts.
///
/// There are two generations: when the younger one is full, the older one is dropped. An entry that is read becomes young again.
final class ConversationMemory: Sendable {
    struct Entry: Sendable, Equatable {
        /// What the router chose.
        var adapter: String
        /// The adapter that answered: this one, or its canary.
        var version: String
    }

    struct Key: Hashable, Sendable {
        fileprivate let digest: ContentDigest

        /// Of the conversation up to `turns`; nil before the first one.
        init?(_ turns: ArraySlice<String>, of request: RouteQuestion) {
            guard !turns.isEmpty else { return nil }
            digest = ContentDigest(
                of: [request.caller.key ?? "", request.user ?? ""].map { ContentDigest(of: $0) } + turns.map { ContentDigest(of: $0) })
        }
    }

    private struct Generations {
        var young: [Key: Entry] = [:]
        var old: [Key: Entry] = [:]
    }

    private let half: Int
    private let generations = Mutex(Generations())

    init(capacity: Int) { half = max(capacity / 2, 1) }

    subscript(key: Key) -> Entry? {
        generations.withLock { generations in
            if let entry = generations.young[key] { return entry }
            guard let entry = generations.old[key] else { return nil }
            insert(key, entry, &generations)
            return entry
        }
    }

    func remember(_ key: Key, _ entry: Entry) { generations.withLock { insert(key, entry, &$0) } }

    func forget(_ key: Key) {
        generations.withLock { generations in
            generations.young[key] = nil
            generations.old[key] = nil
        }
    }

    var count: Int { generations.withLock { Set($0.young.keys).union($0.old.keys).count } }

    private func insert(_ key: Key, _ entry: Entry, _ generations: inout Generations) {
        if generations.young.count >= half, generations.young[key] == nil {
            generations.old = generations.young
            generations.young = [:]
        }
        generations.young[key] = entry
    }
}
