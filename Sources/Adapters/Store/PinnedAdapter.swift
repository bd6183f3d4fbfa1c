public import Models

/// An adapter that a request holds: in one version, in memory, until the last reference goes.
public final class PinnedAdapter: Sendable {
    public let name: String
    private let adapter: LoadedAdapter
    private let hold: Hold

    private enum Hold {
        /// A resident of the store, released in the end.
        case resident(Int, AdapterStore)
        /// Made of others, which are held as long.
        case made([PinnedAdapter])
    }

    init(name: String, adapter: LoadedAdapter, resident: Int, store: AdapterStore) {
        self.name = name
        self.adapter = adapter
        hold = .resident(resident, store)
    }

    /// What was made of other adapters for one request.
    init(name: String, adapter: LoadedAdapter, parts: [PinnedAdapter]) {
        self.name = name
        self.adapter = adapter
        hold = .made(parts)
    }

    deinit {
        if case .resident(let resident, let store) = hold { store.release(resident) }
    }

    /// The content hash: equal for equal files, whatever their names and times.
    public var version: String { adapter.version }
    public var delta: AdapterDelta { adapter.delta }
    /// What it looks up for each request; nil for most.
    public var retrieval: (any DeltaRetrieval)? { adapter.retrieval }
    /// Its own, which goes before the base model's.
    public var chatTemplate: String? { adapter.chatTemplate }
    public var summary: AdapterSummary { adapter.summary }
}
