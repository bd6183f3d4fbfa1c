internal import Dispatch
public import Models

/// An adapter that a request holds: in one version, in memory, until the last reference goes.
///
/// Any thread may let go of the last reference, the engine's too: what has to be done then (the store's lock, other adapters that
/// leave memory, unmapping) is done on a queue of its own.
public final class PinnedAdapter: Sendable {
    public let name: String
    private let hold: Unmanaged<Hold>

    private static let releases = DispatchQueue(label: "lmoe.adapters.release")

    /// Owned by the adapter until its last reference goes; then released on the queue.
    private final class Hold: Sendable {
        let adapter: LoadedAdapter
        private let resident: (number: Int, store: AdapterStore)?
        /// What it was made of.
        private let parts: [PinnedAdapter]

        init(_ adapter: LoadedAdapter, resident: (number: Int, store: AdapterStore)?, parts: [PinnedAdapter]) {
            self.adapter = adapter
            self.resident = resident
            self.parts = parts
        }

        deinit { if let resident { resident.store.release(resident.number) } }
    }

    /// A resident of the store; `parts` are held as long.
    init(name: String, adapter: LoadedAdapter, resident: Int, store: AdapterStore, parts: [PinnedAdapter] = []) {
        self.name = name
        hold = .passRetained(Hold(adapter, resident: (resident, store), parts: parts))
    }

    /// What was made of other adapters for one request.
    init(name: String, adapter: LoadedAdapter, parts: [PinnedAdapter]) {
        self.name = name
        hold = .passRetained(Hold(adapter, resident: nil, parts: parts))
    }

    deinit {
        let hold = hold
        Self.releases.async { hold.release() }
    }

    /// Waits until all that was let go of before has left. For tests.
    static func finishReleases() {
        // The parts of a merge are let go of by it.
        for _ in 0..<3 { releases.sync {} }
    }

    private var adapter: LoadedAdapter { hold._withUnsafeGuaranteedRef { $0.adapter } }

    /// The content hash: equal for equal files, whatever their names and times.
    public var version: String { adapter.version }
    public var delta: AdapterDelta { adapter.delta }
    /// What it looks up for each request; nil for most.
    public var retrieval: (any DeltaRetrieval)? { adapter.retrieval }
    /// Its own chat templates and special tokens, which replace the base model's.
    public var prompting: AdapterPrompting { adapter.prompting }
    public var chatTemplate: String? { prompting.templates?.standard }
    public var summary: AdapterSummary { adapter.summary }
}
