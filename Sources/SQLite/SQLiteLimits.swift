/// The bounds of one query. Anyone's query can be run within them.
public struct SQLiteLimits: Sendable, Equatable {
    /// Bytes of one text or blob, and of one row.
    public var valueBytes = 4 << 20
    public var columns = 1024
    /// Bytes of texts and blobs of all rows together.
    public var bytes = 1 << 30
    /// Rows that a query gives.
    public var rows = 1_000_000
    /// Instructions of SQLite's virtual machine, in thousands; a row of a plain scan takes some ten. A million is about ten seconds.
    public var kiloInstructions = 1_000_000

    public init() {}
}
