import Generation

/// Files and fine-tuning jobs. All of it works off the loop and throws `APIError`. What another key owns counts as absent, except for an
/// admin.
public protocol FineTuningService: Sendable {
    var limits: FineTuningLimits { get }

    func add(_ upload: FileUpload, owner: FineTuningOwner) async throws -> FineTuningFile
    func files(_ query: FileQuery, owner: FineTuningOwner) async throws -> FineTuningPage<FineTuningFile>
    func file(_ id: String, owner: FineTuningOwner) async throws -> FineTuningFile
    /// Some bytes of a file; fewer than `count` at its end.
    func content(of id: String, from offset: Int, count: Int, owner: FineTuningOwner) async throws -> [UInt8]
    func deleteFile(_ id: String, owner: FineTuningOwner) async throws

    /// Checks everything but the data, and queues the job.
    func create(_ request: FineTuningRequest, owner: FineTuningOwner) async throws -> FineTuningJob
    /// The newest first.
    func jobs(_ place: ListPlace, where filter: MetadataFilter, owner: FineTuningOwner) async throws -> FineTuningPage<FineTuningJob>
    func job(_ id: String, owner: FineTuningOwner) async throws -> FineTuningJob
    /// The newest first.
    func events(of job: String, _ place: ListPlace, owner: FineTuningOwner) async throws -> FineTuningPage<FineTuningEvent>
    /// The newest first, with the name of the adapter that they belong to.
    func checkpoints(
        of job: String, _ place: ListPlace, owner: FineTuningOwner
    ) async throws -> (adapter: String, page: FineTuningPage<FineTuningCheckpoint>)
    func cancel(_ job: String, owner: FineTuningOwner) async throws -> FineTuningJob
    func pause(_ job: String, owner: FineTuningOwner) async throws -> FineTuningJob
    func resume(_ job: String, owner: FineTuningOwner) async throws -> FineTuningJob
}

/// Whose files and jobs a request may see.
public struct FineTuningOwner: Sendable, Equatable {
    public enum Identity: Sendable, Equatable {
        /// The service asks for no keys.
        case anyone
        /// The name of the key.
        case name(String)
        /// The bytes of a key without a name. Only a digest of them may be kept.
        case key([UInt8])
    }

    public var identity: Identity
    /// Sees what all others own.
    public var isAdmin: Bool

    public init(_ identity: Identity, isAdmin: Bool) {
        self.identity = identity
        self.isAdmin = isAdmin
    }
}

/// A file that a client sends.
public struct FileUpload: Sendable, Equatable {
    /// Without folders and control characters, 1 to 200 bytes.
    public var name: String
    public var content: ArraySlice<UInt8>
    /// Seconds until it is deleted; nil keeps it.
    public var expiresAfterSeconds: Int?

    public init(name: String, content: ArraySlice<UInt8>, expiresAfterSeconds: Int? = nil) {
        self.name = name
        self.content = content
        self.expiresAfterSeconds = expiresAfterSeconds
    }
}

/// Which part of a list a client wants.
public struct ListPlace: Sendable, Equatable {
    /// The identity of the element before the first one.
    public var after: String?
    public var limit: Int

    public init(after: String? = nil, limit: Int) {
        self.after = after
        self.limit = limit
    }
}

/// Which files a client wants to see.
public struct FileQuery: Sendable, Equatable {
    public var place: ListPlace
    /// nil: all.
    public var purpose: String?
    public var isAscending: Bool

    public init(place: ListPlace, purpose: String? = nil, isAscending: Bool = false) {
        self.place = place
        self.purpose = purpose
        self.isAscending = isAscending
    }
}

/// Which jobs a client wants to see.
public enum MetadataFilter: Sendable, Equatable {
    /// Those that have all of these; without any, every job.
    case having([String: String])
    /// Those without metadata.
    case none
}

/// Bounds of files and jobs; going beyond one is a 400 or a 413 that says so.
public struct FineTuningLimits: Sendable, Equatable {
    public var files = 1_000
    /// Of one file; the body's limit counts as well.
    public var fileBytes = 512 << 20
    /// Of all files together.
    public var allFilesBytes = 8 << 30
    /// Records of jobs that are kept; the oldest that has ended gives way to a new one.
    public var jobs = 1_000
    /// Jobs that have not ended.
    public var unfinishedJobs = 100
    /// Jobs that are tuned at the same time, over one copy of the base.
    public var runningJobs = 4
    /// Events that are kept of a job.
    public var events = 4_096
    /// Of these, those of steps: a longer run has one every few steps.
    public var stepEvents = 1_024
    /// Checkpoints that a job lists.
    public var checkpoints = 100
    /// Steps in the file of results: a longer run has every few steps.
    public var resultRows = 100_000
    /// Most elements that one answer lists.
    public var page = 10_000

    public init() {}
}
