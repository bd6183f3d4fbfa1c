/// One folder of the store, for lists and for `/v1/adapters`.
public struct AdapterStatus: Sendable, Equatable {
    public enum State: Sendable, Equatable {
        /// On disk and sound, as far as headers tell; loaded when it is first asked for.
        case ready
        /// In memory.
        case resident
        /// Being read.
        case loading
        /// Not whole yet; looked at again when it changes.
        case notReady(AdapterError)
        /// Never served as it is.
        case rejected(AdapterError)

        /// `ready`, `resident`, `loading`, `notReady`, `rejected`
        public var name: String {
            switch self {
            case .ready: "ready"
            case .resident: "resident"
            case .loading: "loading"
            case .notReady: "notReady"
            case .rejected: "rejected"
            }
        }

        /// Why it is not served.
        public var reason: AdapterError? {
            switch self {
            case .notReady(let error), .rejected(let error): error
            default: nil
            }
        }
    }

    public var name: String
    public var state: State
    /// A new version is being copied and not whole yet; until it is, the one in memory serves.
    public var pendingReplacement: AdapterError?
    public var summary: AdapterSummary?
    /// Bytes in memory, now or when it is loaded.
    public var byteCount: Int
    public var hasChatTemplate: Bool
    /// Known from the first load on.
    public var version: String?
    public var requestsServed: Int
    /// Requests that hold it now, in any version.
    public var pins: Int
    /// Its path.
    public var folder: String

    /// Whether a request for it can be answered.
    public var isServable: Bool { state.reason == nil }
    public var family: String? { summary?.family }
    public var targets: [String] { summary?.targets ?? [] }
}

/// What a scan found to be different from the one before. Names are sorted.
public struct AdapterChanges: Sendable, Equatable {
    /// New and servable.
    public var added: [String] = []
    /// Servable with other files than before.
    public var replaced: [String] = []
    public var removed: [String] = []
    /// Not whole yet, newly or still, with why.
    public var notReady: [String: AdapterError] = [:]
    /// Newly refused, with why.
    public var rejected: [String: AdapterError] = [:]
    /// Some folder changed a moment ago: scan again after so long.
    public var retryMilliseconds: Int?

    public init() {}

    /// Nothing that a router or a person would want to know.
    public var isEmpty: Bool {
        added.isEmpty && replaced.isEmpty && removed.isEmpty && rejected.isEmpty
    }
}

/// Counted since the store was made.
public struct AdapterCounters: Sendable, Equatable {
    public var loads = 0
    public var failedLoads = 0
    public var loadMilliseconds = 0.0
    public var evictions = 0
    public var requestsServed = 0
    /// Now.
    public var residentAdapters = 0
    public var residentBytes = 0
    public var pinnedAdapters = 0

    public init() {}
}
