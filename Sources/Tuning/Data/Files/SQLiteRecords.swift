import JSON
import SQLite
import Tensors

/// The rows of a query on a SQLite file. A row's line is its number, from 1.
struct SQLiteRecords: DataRecordReader {
    private let query: SQLiteQuery
    private var row = 0
    private var digests: [ContentDigest] = []

    /// Errors: two columns of one name, and those of the query.
    init(_ path: String, query text: String, limits: DataSetLimits) throws(TuningError) {
        var bounds = SQLiteLimits()
        bounds.valueBytes = limits.rowBytes
        bounds.columns = limits.columns
        bounds.rows = limits.rows
        bounds.bytes = limits.fileBytes
        do throws(SQLiteError) {
            query = try SQLiteQuery(text, in: SQLiteDatabase(reading: path, limits: bounds))
        } catch {
            throw TuningError(error, line: nil)
        }
        var seen: Set<String> = []
        for name in query.columns where !seen.insert(name).inserted {
            throw TuningError(.malformed, "two columns of the query have this name; name them with `AS`", field: name)
        }
    }

    /// Of the rows so far.
    var digest: ContentDigest { ContentDigest(of: digests) }

    mutating func next() throws(TuningError) -> DataRecord? {
        row += 1
        let values: [SQLiteValue]?
        do throws(SQLiteError) {
            values = try query.next()
        } catch {
            throw TuningError(error, line: row)
        }
        guard let values else { return nil }
        let fields = Result { () throws(TuningError) in
            var fields = JSONObject()
            for (name, value) in zip(query.columns, values) { fields[name] = try json(value, name) }
            return fields
        }
        if case .success(let fields) = fields { digests.append(ContentDigest(of: JSONValue.object(fields).serializedBytes())) }
        return DataRecord(line: row, fields: fields)
    }

    private func json(_ value: SQLiteValue, _ column: String) throws(TuningError) -> JSONValue {
        switch value {
        case .null: .null
        case .integer(let number): .integer(number)
        case .real(let number): .number(number)
        case .text(let text): .string(text)
        case .blob: throw TuningError(.malformed, "expected text, found a blob", line: row, field: column)
        }
    }
}

extension TuningError {
    fileprivate init(_ error: SQLiteError, line: Int?) {
        let code: Code =
            switch error.code {
            case .cannotOpen, .failed: .io
            case .malformed: .malformed
            case .invalidQuery, .notAllowed: .invalidSetting
            case .limitExceeded: .limitExceeded
            }
        self.init(code, error.message, line: line)
    }
}
