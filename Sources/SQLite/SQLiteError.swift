/// Why a database cannot be read, or a query gives no rows.
public struct SQLiteError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// No file of that name, or no right to read it.
        case cannotOpen
        /// Not a SQLite database, or a damaged one.
        case malformed
        /// Not a query that this database can answer.
        case invalidQuery
        /// Not a single query that only reads.
        case notAllowed
        /// More rows, bytes or work than the limits allow.
        case limitExceeded
        /// The system or SQLite refused for another reason.
        case failed
    }

    public var code: Code
    /// For a person.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
