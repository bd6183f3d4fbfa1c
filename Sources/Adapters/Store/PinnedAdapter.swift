public import Models

/// An adapter that a request holds: in one version, in memory, until the last reference goes.
public final class PinnedAdapter: Sendable {
    public let name: String
    private let adapter: LoadedAdapter
    private let resident: Int
    private let store: AdapterStore

    init(name: String, adapter: LoadedAdapter, resident: Int, store: AdapterStore) {
        self.name = name
        self.adapter = adapter
        self.resident = resident
        self.store = store
    }

    deinit { store.release(resident) }

    /// The content hash: equal for equal files, whatever their names and times.
    public var version: String { adapter.version }
    public var delta: AdapterDelta { adapter.delta }
    /// Its own, which goes before the base model's.
    public var chatTemplate: String? { adapter.chatTemplate }
    public var summary: AdapterSummary { adapter.summary }
}
