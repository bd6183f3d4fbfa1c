internal import CSQLite

/// A SQLite database that is only read: the file is opened for reading, and an authoriser refuses every statement but queries. Of a
/// database in WAL mode the log beside it is read, too.
///
/// Isolation: one thread at a time.
public final class SQLiteDatabase {
    let handle: OpaquePointer
    let limits: SQLiteLimits
    /// Of the current query; SQLite's callbacks change it.
    private let state: UnsafeMutablePointer<State>

    private struct State {
        /// Thousands of instructions that the query may still take.
        var work: Int
        /// The authoriser refused something.
        var isRefused = false
    }

    private static let instructions: Int32 = 1000

    /// Errors: `cannotOpen`, `failed`. Whether the file is a database shows with the first query.
    public init(reading path: String, limits: SQLiteLimits = SQLiteLimits()) throws(SQLiteError) {
        guard !path.utf8.contains(0) else { throw SQLiteError(.cannotOpen, "the path holds a NUL") }
        var opened: OpaquePointer?
        let result = sqlite3_open_v2(path, &opened, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nil)
        guard result == SQLITE_OK, let opened else {
            // A handle that could not be opened is closed too.
            sqlite3_close_v2(opened)
            throw SQLiteError(.cannotOpen, "cannot open the database: \(String(cString: sqlite3_errstr(result)))")
        }
        handle = opened
        self.limits = limits
        state = .allocate(capacity: 1)
        state.initialize(to: State(work: limits.kiloInstructions))
        guard csqlite_distrust(handle) == SQLITE_OK else { throw SQLiteError(.failed, "SQLite's safe mode cannot be set") }
        sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, Int32(clamping: limits.valueBytes))
        sqlite3_limit(handle, SQLITE_LIMIT_COLUMN, Int32(clamping: limits.columns))
        sqlite3_set_authorizer(
            handle, { state, action, _, _, _, _ in SQLiteDatabase.isAllowed(action, state) ? SQLITE_OK : SQLITE_DENY }, state)
        sqlite3_progress_handler(handle, Self.instructions, { SQLiteDatabase.isOverworked($0) ? 1 : 0 }, state)
    }

    deinit {
        sqlite3_close_v2(handle)
        state.deallocate()
    }

    /// Before a query.
    func begin() { state.pointee = State(work: limits.kiloInstructions) }

    /// Queries may call all functions: none that is built in has an effect, and extensions are not loaded.
    private static func isAllowed(_ action: Int32, _ state: UnsafeMutableRawPointer?) -> Bool {
        if [SQLITE_SELECT, SQLITE_READ, SQLITE_RECURSIVE, SQLITE_FUNCTION].contains(action) { return true }
        state?.assumingMemoryBound(to: State.self).pointee.isRefused = true
        return false
    }

    private static func isOverworked(_ state: UnsafeMutableRawPointer?) -> Bool {
        guard let state = state?.assumingMemoryBound(to: State.self) else { return true }
        state.pointee.work -= 1
        return state.pointee.work < 0
    }

    /// The error of the last call.
    func error(_ result: Int32) -> SQLiteError {
        let message = String(cString: sqlite3_errmsg(handle))
        if state.pointee.isRefused { return SQLiteError(.notAllowed, "only a query that reads is allowed: \(message)") }
        return switch result & 0xFF {
        case SQLITE_NOTADB, SQLITE_CORRUPT: SQLiteError(.malformed, "not a whole SQLite database: \(message)")
        case SQLITE_INTERRUPT:
            SQLiteError(.limitExceeded, "the query takes more than \(limits.kiloInstructions) thousand instructions of SQLite")
        case SQLITE_CANTOPEN, SQLITE_READONLY:
            SQLiteError(
                .cannotOpen,
                "cannot be read: \(message). A database in WAL mode is read with the -wal file beside it, and SQLite writes a -shm file into "
                    + "its folder: copy both files into a folder that can be written, or end its WAL mode")
        case SQLITE_TOOBIG: SQLiteError(.limitExceeded, "a value of more than \(limits.valueBytes) bytes")
        case SQLITE_ERROR: SQLiteError(.invalidQuery, message)
        default: SQLiteError(.failed, message)
        }
    }
}
