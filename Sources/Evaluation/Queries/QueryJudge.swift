public import SQLite

/// Execution accuracy: whether an answer's query gives what the expected query gives on a SQLite file.
///
/// The file is opened for reading, and only one query that reads is run of each answer, with bounds of work and rows. Rows are equal as
/// multisets; where the expected query says an order, in that order. Columns are compared in their order; their names do not matter.
///
/// Isolation: one thread at a time.
public final class QueryJudge {
    public enum Verdict: Sendable, Equatable {
        case same
        case different
        /// The answer's query does not run.
        case failed(String)
        /// The expected query does not run: the row says nothing.
        case unknown(String)
    }

    /// About a second of work, and more rows than a person reads.
    public static let standardLimits: SQLiteLimits = {
        var limits = SQLiteLimits()
        limits.kiloInstructions = 100_000
        limits.rows = 100_000
        return limits
    }()

    private let database: SQLiteDatabase
    /// What the last expected query gave: candidates' answers come one after another for each row.
    private var expected: (query: String, rows: Result<QueryRows, SQLiteError>)?

    /// Errors: `database`.
    public init(_ path: String, limits: SQLiteLimits = standardLimits) throws(EvaluationError) {
        do throws(SQLiteError) {
            database = try SQLiteDatabase(reading: path, limits: limits)
            _ = try Self.rows("SELECT count(*) FROM sqlite_schema", database)
        } catch {
            throw EvaluationError(.database, error.message, place: path)
        }
    }

    /// - Parameter answer: a query, alone or in a block between fences.
    public func judge(_ answer: String, expected query: String) -> Verdict {
        switch expectedRows(query) {
        case .failure(let error): return .unknown(error.message)
        case .success(let wanted):
            do throws(SQLiteError) {
                let found = try Self.rows(AnswerCode.first(in: answer), database)
                let isSame = QueryOrder.isOrdered(query) ? found == wanted : found.hasSameRows(as: wanted)
                return isSame ? .same : .different
            } catch {
                return .failed(error.message)
            }
        }
    }

    private func expectedRows(_ query: String) -> Result<QueryRows, SQLiteError> {
        if let expected, expected.query == query { return expected.rows }
        let rows = Result { () throws(SQLiteError) in try Self.rows(query, database) }
        expected = (query, rows)
        return rows
    }

    private static func rows(_ text: String, _ database: SQLiteDatabase) throws(SQLiteError) -> QueryRows {
        let query = try SQLiteQuery(text, in: database)
        var rows = QueryRows()
        while let row = try query.next() { rows.append(row) }
        return rows
    }
}
