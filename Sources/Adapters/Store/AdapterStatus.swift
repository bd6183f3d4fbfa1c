/// One folder of the store, for lists and for `/v1/adapters`.
public struct AdapterStatus: Sendable, Equatable {
    public enum State: Sendable, Equatable {
        /// On disk and sound, as far as headers tell; loaded by the first request for it.
        case ready
        /// In memory, as the files on disk are or are about to be.
        case resident
        /// Being read.
        case loading
        /// An older version serves from memory: the files on disk cannot be used, for the reason given.
        case stale(AdapterError)
        /// Not whole yet, or not readable at the moment; looked at again by every scan.
        case notReady(AdapterError)
        /// Not served until its files change.
        case rejected(AdapterError)

        /// `ready`, `resident`, `loading`, `stale`, `notReady`, `rejected`
        public var name: String {
            switch self {
            case .ready: "ready"
            case .resident: "resident"
            case .loading: "loading"
            case .stale: "stale"
            case .notReady: "notReady"
            case .rejected: "rejected"
            }
        }

        /// Why the files on disk are not served.
        public var reason: AdapterError? {
            switch self {
            case .stale(let error), .notReady(let error), .rejected(let error): error
            case .ready, .resident, .loading: nil
            }
        }
    }

    public var name: String
    public var state: State
    /// Why the files on disk do not serve yet, while an older version does or a request would wait for them.
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
    /// Unix seconds: since when its files cannot be used; nil when they can.
    public var unusableSince: Int?

    /// Whether a request for it can be answered.
    public var isServable: Bool {
        switch state {
        case .ready, .resident, .loading, .stale: true
        case .notReady, .rejected: false
        }
    }

    /// Whether a request for it gets what is in memory.
    public var isInMemory: Bool {
        switch state {
        case .resident, .stale: true
        case .ready, .loading, .notReady, .rejected: false
        }
    }

    /// Why it is not served; nil when it is.
    public var refusal: AdapterError? { isServable ? nil : state.reason }
    public var family: String? { summary?.family }
    public var targets: [String] { summary?.targets ?? [] }
}

/// What a scan found to be different from the one before. Names are sorted.
public struct AdapterChanges: Sendable, Equatable {
    /// New and servable.
    public var added: [String] = []
    /// Servable with other files than before; those that are in memory were loaded again.
    public var replaced: [String] = []
    public var removed: [String] = []
    /// Not whole yet, newly or still, with why.
    public var notReady: [String: AdapterError] = [:]
    /// Newly refused, with why; nothing serves.
    public var rejected: [String: AdapterError] = [:]
    /// Newly: the files on disk cannot be used, for the reason given, and an older version goes on serving from memory.
    public var kept: [String: AdapterError] = [:]
    /// Newly: nothing serves, and the files have not changed for `AdapterLimits.arrivalMilliseconds`, or cannot be read.
    public var stalled: [String: AdapterError] = [:]
    /// Newly: the adapters folder, or a part of it, could not be read. All adapters stay what they were.
    public var folderFailure: AdapterError?
    /// The folder can be read again.
    public var isFolderBack = false
    /// A folder is likely to have changed its state: scan again after so long.
    public var retryMilliseconds: Int?

    public init() {}

    /// Nothing that a router or a person would want to know.
    public var isEmpty: Bool {
        added.isEmpty && replaced.isEmpty && removed.isEmpty && rejected.isEmpty && kept.isEmpty && stalled.isEmpty
            && folderFailure == nil && !isFolderBack
    }
}

/// Whether the adapters folder could be read by the last scan. What cannot be read is not empty: all adapters stay what they were.
public enum AdapterFolderState: Sendable, Equatable {
    /// No scan has ended yet.
    case unread
    case readable
    /// It is not there and never was since the store was made: there are no adapters.
    case missing
    /// It is gone, or it, or a part of it, cannot be read, for the reason given.
    case unreadable(AdapterError)

    /// Why the folder cannot be read; nil when it can, and when there is none.
    public var failure: AdapterError? { if case .unreadable(let error) = self { error } else { nil } }
}

/// Counted since the store was made.
public struct AdapterCounters: Sendable, Equatable {
    public var loads = 0
    public var failedLoads = 0
    public var loadMilliseconds = 0.0
    public var evictions = 0
    public var requestsServed = 0
    /// Now; merges are counted, too.
    public var residentAdapters = 0
    public var residentBytes = 0
    public var pinnedAdapters = 0

    public init() {}
}
