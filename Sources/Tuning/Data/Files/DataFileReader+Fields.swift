public import JSON

extension DataFileReader {
    /// A row's place and its fields, whatever they are.
    public struct FieldRow: Sendable {
        public var line: Int
        public var fields: JSONObject
    }

    /// The rows of a file without regard to shapes: what a template fills in. Errors: as for `read`, and those of the first broken row.
    ///
    /// - Parameter query: of a SQLite file.
    public func fields(_ path: String, query: String? = nil) throws(TuningError) -> [FieldRow] {
        do throws(TuningError) {
            var records: any DataRecordReader =
                if let query { try SQLiteRecords(path, query: query, limits: limits) } else { try textRecords(path) }
            var rows: [FieldRow] = []
            while let record = try records.next() {
                guard rows.count < limits.rows else { throw TuningError(.limitExceeded, "more than \(limits.rows) rows", line: record.line) }
                rows.append(FieldRow(line: record.line, fields: try record.fields.get()))
            }
            return rows
        } catch {
            throw error.inFile(path)
        }
    }
}
