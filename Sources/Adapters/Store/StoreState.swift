/// What is on disk, what is in memory and which requests hold it, as a plain value: no files, no locks, no threads. Each operation
/// returns what its caller has to do or to release.
///
/// Words: an *entry* is a folder; a *resident* is one version in memory. The resident that an entry points at is *listed*:
/// new requests get it. An unlisted resident was replaced or removed, and leaves with its last pin. A listed resident whose files
/// differ from those on disk is *kept*: it serves until the new files are loaded, and is not evicted, because it could not be
/// read again.
///
/// `Payload` is what a resident holds; tests use numbers. Times are nanoseconds of the wall clock.
struct StoreState<Payload: Sendable>: Sendable {
    /// What the last look at a folder found.
    enum Finding: Sendable {
        case ready(Description)
        /// Sound as far as headers tell, but the files changed a moment ago: a copy may still be going on.
        case settling(Description)
        case notReady(AdapterError)
        case rejected(AdapterError)
    }

    struct Description: Sendable, Equatable {
        var summary: AdapterSummary
        var byteCount: Int
        var hasChatTemplate: Bool
    }

    struct Entry: Sendable {
        var fingerprint: FolderFingerprint
        var finding: Finding
        /// Of its folder; nil where it is not known.
        var path: String?
        /// The next scan looks at it again, changed or not.
        var needsProbe = false
        /// The listed resident.
        var resident: Int?
        /// The load in flight.
        var ticket: Int?
        /// Of the newest files that were loaded, with their fingerprint.
        var version: (fingerprint: FolderFingerprint, version: String)?
        var requestsServed = 0
        /// Of the last files that were whole.
        var description: Description?
        /// Set while its files cannot be used.
        var wait: Wait?
        /// It could be served once, in this version or an earlier one.
        var servedBefore: Bool { description != nil }
    }

    /// How long the files of a folder have been unusable.
    struct Wait: Sendable {
        /// When that began.
        let since: Int64
        /// When the files last changed.
        var changed: Int64
        /// What was last reported.
        var reported: AdapterError?
    }

    struct Resident: Sendable {
        let name: String
        let payload: Payload
        let version: String
        let byteCount: Int
        /// Of the files that it was read from.
        let fingerprint: FolderFingerprint
        /// Of the same files when the scan before the load saw them, which may have been earlier.
        let scanned: FolderFingerprint
        /// Made of others; it has no folder.
        var isMerge = false
        var pins = 0
        var lastUse = 0
        var isListed: Bool
    }

    /// A load that the caller has to do and to `finish` or `fail`.
    struct Load: Sendable {
        let name: String
        let ticket: Int
        let byteCount: Int
        let fingerprint: FolderFingerprint
        let knownVersion: (fingerprint: FolderFingerprint, version: String)?
    }

    struct Loaded: Sendable {
        var payload: Payload
        var version: String
        var byteCount: Int
        var fingerprint: FolderFingerprint
    }

    enum Acquired: Sendable {
        case pinned(resident: Int, Payload)
        case load(Load)
        /// The files were replaced: the caller loads them. The resident, which is pinned, serves if that fails.
        case replace(Load, fallback: Int, Payload)
        /// Another request is loading it.
        case wait(ticket: Int)
        /// Nothing is in memory, and the files changed a moment ago.
        case settling
        case unknown
        case refused(AdapterError)
    }

    let budgetBytes: Int
    // Changed by this type only.
    var entries: [String: Entry] = [:]
    var residents: [Int: Resident] = [:]
    var counters = AdapterCounters()
    var loads: [Int: Load] = [:]
    /// By version.
    var merges: [String: Merge] = [:]
    private var lastNumber = 0
    private var clock = 0

    init(budgetBytes: Int) { self.budgetBytes = budgetBytes }

    var residentBytes: Int { residents.values.reduce(0) { $0 + $1.byteCount } }
    /// Of loads in flight.
    var promisedBytes: Int { loads.values.reduce(0) { $0 + $1.byteCount } }

    mutating func nextNumber() -> Int {
        lastNumber += 1
        return lastNumber
    }

    mutating func nextUse() -> Int {
        clock += 1
        return clock
    }
}
