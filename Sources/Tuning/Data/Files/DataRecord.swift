import JSON

/// One row of a data file before its shape is known.
struct DataRecord {
    /// The line on which it begins; the first of a file is 1.
    var line: Int
    /// Its fields, or why this row alone cannot be read.
    var fields: Result<JSONObject, TuningError>
}

/// Reads the rows of one format in their order.
protocol DataRecordReader {
    /// The next row; nil at the end. Throws when the rest of the file cannot be cut into rows.
    mutating func next() throws(TuningError) -> DataRecord?
}

/// Makes records of JSON texts. Errors name no file: who knows it adds it.
struct JSONRecordParser {
    var limits: DataSetLimits

    func record(_ text: ArraySlice<UInt8>, line: Int, isOneLine: Bool) -> DataRecord {
        DataRecord(line: line, fields: Result { () throws(TuningError) in try fields(text, line: line, isOneLine: isOneLine) })
    }

    private func fields(_ text: ArraySlice<UInt8>, line: Int, isOneLine: Bool) throws(TuningError) -> JSONObject {
        guard text.count <= limits.rowBytes else {
            throw TuningError(.limitExceeded, "a row of \(text.count) bytes; at most \(limits.rowBytes) are read", line: line)
        }
        let value: JSONValue
        do throws(JSONError) {
            value = try text.withUnsafeBytes { bytes in
                Result { () throws(JSONError) in try JSONValue.parse(bytes, maxDepth: limits.depth, maxElements: limits.elements) }
            }.get()
        } catch {
            let place = error.position.map { isOneLine ? " (column \($0.column))" : "" } ?? ""
            let inner = isOneLine ? line : line + (error.position?.line ?? 1) - 1
            throw TuningError(.malformed, "not a JSON object: \(error.message)\(place)", line: inner)
        }
        guard case .object(let fields) = value else {
            throw TuningError(.malformed, "expected a JSON object, found \(value.kindName)", line: line)
        }
        return fields
    }
}

extension UInt8 {
    /// White space between JSON values.
    var isJSONSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}
