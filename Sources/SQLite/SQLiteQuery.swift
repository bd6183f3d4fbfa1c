internal import CSQLite

/// The rows of a query, one after another. Isolation: one thread at a time, with its database.
public final class SQLiteQuery {
    public let columns: [String]
    private let database: SQLiteDatabase
    private let statement: OpaquePointer
    private var rows = 0
    private var bytes = 0

    /// Prepares one statement. Errors: `invalidQuery`, `notAllowed` for a statement that does more than read and for several statements,
    /// `malformed`, `failed`.
    public init(_ text: String, in database: SQLiteDatabase) throws(SQLiteError) {
        guard !text.utf8.contains(0) else { throw SQLiteError(.invalidQuery, "the query holds a NUL") }
        database.begin()
        statement = try Self.prepared(text, database)
        self.database = database
        columns = (0..<sqlite3_column_count(statement)).map { [statement] in
            sqlite3_column_name(statement, $0).map { String(cString: $0) } ?? ""
        }
    }

    deinit { sqlite3_finalize(statement) }

    private static func prepared(_ text: String, _ database: SQLiteDatabase) throws(SQLiteError) -> OpaquePointer {
        let bytes = Array(text.utf8CString)
        var tail = 0
        guard let first = try statement(bytes[...], database, &tail) else {
            throw SQLiteError(.invalidQuery, "there is no statement in the query")
        }
        guard sqlite3_column_count(first) > 0 else {
            sqlite3_finalize(first)
            throw SQLiteError(.notAllowed, "expected a query; the statement gives no rows")
        }
        // White space and comments are no statement.
        var end = 0
        let second = Result { () throws(SQLiteError) in try statement(bytes[tail...], database, &end) }
        guard case .success(nil) = second else {
            sqlite3_finalize(first)
            if case .success(let second) = second { sqlite3_finalize(second) }
            throw SQLiteError(.notAllowed, "expected one statement; more text follows it")
        }
        return first
    }

    /// - Parameter tail: where the text after the first statement begins.
    private static func statement(
        _ text: ArraySlice<CChar>, _ database: SQLiteDatabase, _ tail: inout Int
    ) throws(SQLiteError) -> OpaquePointer? {
        var statement: OpaquePointer?
        let result = text.withUnsafeBufferPointer { bytes in
            var rest: UnsafePointer<CChar>?
            let result = sqlite3_prepare_v2(database.handle, bytes.baseAddress, Int32(bytes.count), &statement, &rest)
            if let start = bytes.baseAddress, let rest { tail = text.startIndex + (rest - start) }
            return result
        }
        guard result == SQLITE_OK else { throw database.error(result) }
        return statement
    }

    /// The next row, a value a column; nil at the end. Errors: `limitExceeded`, `malformed`, `failed`.
    public func next() throws(SQLiteError) -> [SQLiteValue]? {
        let result = sqlite3_step(statement)
        guard result == SQLITE_ROW else {
            guard result == SQLITE_DONE else { throw database.error(result) }
            return nil
        }
        rows += 1
        guard rows <= database.limits.rows else {
            throw SQLiteError(.limitExceeded, "the query gives more than \(database.limits.rows) rows")
        }
        var values: [SQLiteValue] = []
        var own = 0
        for column in columns.indices {
            let value = try value(column)
            own += value.byteCount
            values.append(value)
        }
        bytes += own
        guard bytes <= database.limits.bytes else {
            throw SQLiteError(.limitExceeded, "the query gives more than \(database.limits.bytes) bytes")
        }
        guard own <= database.limits.valueBytes else {
            throw SQLiteError(.limitExceeded, "row \(rows) has \(own) bytes; at most \(database.limits.valueBytes) are read")
        }
        return values
    }

    private func value(_ column: Int) throws(SQLiteError) -> SQLiteValue {
        let index = Int32(column)
        switch sqlite3_column_type(statement, index) {
        case SQLITE_NULL: return .null
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, index))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(statement, index))
        case SQLITE_TEXT:
            // Before the number of bytes: it is that of the text.
            let start = sqlite3_column_text(statement, index)
            let bytes = UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, index)))
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw SQLiteError(.malformed, "row \(rows), column `\(columns[column])`: not UTF-8 text")
            }
            return .text(text)
        default:
            let start = sqlite3_column_blob(statement, index)
            return .blob(Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, index)))))
        }
    }
}
