/// Every bound of fetching from a hub.
public struct HubLimits: Sendable {
    /// Bytes of an answer in JSON.
    public var documentBytes = 32 << 20
    /// Elements and members of an answer in JSON.
    public var documentElements = 4_000_000
    /// Bytes and lines of an answer's header.
    public var headerBytes = 64 << 10
    public var headerLines = 256
    /// Pages of a list of files, and files in all.
    public var pages = 1_000
    public var files = 100_000
    /// Files that are fetched at once.
    public var chosenFiles = 2_000
    /// Bytes of one file.
    public var fileBytes = 1 << 40
    /// Redirects that a request follows.
    public var redirects = 8
    /// Attempts without a new byte before an error is final.
    public var attempts = 6
    /// Attempts for one file in all, also when each brings some bytes.
    public var transfers = 100
    /// The same as `attempts` for a server that cannot be reached at all.
    public var connects = 3
    /// Before the second attempt; doubled each time.
    public var firstWaitMilliseconds = 1_000
    /// Between two attempts.
    public var longestWaitMilliseconds = 30_000
    /// A server may ask for that much; more is an error that says when to come back.
    public var longestRetryAfterMilliseconds = 120_000
    /// For a connection, and for a whole answer in JSON.
    public var connectMilliseconds = 15_000
    public var documentMilliseconds = 60_000
    /// A transfer without a byte for so long is broken.
    public var stalledSeconds = 30
    /// Room on the disk that a fetch leaves.
    public var spareBytes = 64 << 20
    /// Bytes of a model card or a token's file that are read.
    public var cardBytes = 1 << 20

    public init() {}
}
