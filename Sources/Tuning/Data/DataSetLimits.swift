/// The bounds of one data set. They keep a wrong file from filling the memory; a real set for an adapter is far below them.
public struct DataSetLimits: Sendable, Equatable {
    /// Bytes of a file, which is read whole.
    public var fileBytes = 1 << 30
    /// Bytes of one row: a line of JSON lines, an element of a JSON array, a record of CSV.
    public var rowBytes = 4 << 20
    public var rows = 1_000_000
    /// Elements and members of one row's JSON.
    public var elements = 1 << 16
    /// Nested arrays and objects of one row's JSON.
    public var depth = 64
    /// Columns of a CSV file.
    public var columns = 1024
    /// Turns of one conversation. Each answer costs one more rendering of what stands before it.
    public var turns = 512
    /// Tokens of all examples together: 5 bytes of memory each.
    public var tokens = 1 << 28
    /// Rows that a report names for each finding; it counts all.
    public var namedRows = 20

    public init() {}
}
