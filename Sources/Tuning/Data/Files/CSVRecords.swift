import JSON

/// CSV as in RFC 4180, with a header that names the columns. Fields are strings.
///
/// Lines end with LF, CRLF or CR. A quoted field may hold line ends, separators and doubled quotes. A quote within an unquoted field is
/// a quote, as most programs read it. Blank lines are skipped.
struct CSVRecords: DataRecordReader {
    private var lines: CSVLines
    private let columns: [String]

    /// Reads the header. Errors: no header, a column without a name, two columns of one name, too many columns.
    init(_ bytes: ArraySlice<UInt8>, separator: UInt8, limits: DataSetLimits) throws(TuningError) {
        lines = CSVLines(bytes, separator: separator, limits: limits)
        guard let header = try lines.next() else {
            throw TuningError(.malformed, "expected a first line with the names of the columns; the file is empty", line: 1)
        }
        columns = try header.texts()
        if let empty = columns.firstIndex(where: \.isEmpty) {
            throw TuningError(.malformed, "column \(empty + 1) has no name", line: header.line)
        }
        var seen: Set<[UInt8]> = []
        for name in columns where !seen.insert(Array(name.utf8)).inserted {
            throw TuningError(.malformed, "two columns have this name", line: header.line, field: name)
        }
    }

    mutating func next() throws(TuningError) -> DataRecord? {
        guard let record = try lines.next() else { return nil }
        return DataRecord(line: record.line, fields: Result { () throws(TuningError) in try fields(record) })
    }

    private func fields(_ record: CSVLines.Record) throws(TuningError) -> JSONObject {
        guard record.fields.count == columns.count else {
            throw TuningError(
                .malformed, "expected \(columns.count) fields as in the header, found \(record.fields.count)", line: record.line)
        }
        return JSONObject(zip(columns, try record.texts(columns).map { JSONValue.string($0) }))
    }
}

/// The records of a CSV text.
struct CSVLines {
    struct Record {
        var line: Int
        var fields: [[UInt8]]

        /// Errors: `malformed` for a field that is not UTF-8.
        func texts(_ columns: [String] = []) throws(TuningError) -> [String] {
            var texts: [String] = []
            for (index, field) in fields.enumerated() {
                guard let text = String(validating: field, as: UTF8.self) else {
                    let name = columns.indices.contains(index) ? columns[index] : "column \(index + 1)"
                    throw TuningError(.malformed, "not UTF-8 text", line: line, field: name)
                }
                texts.append(text)
            }
            return texts
        }
    }

    private static let quote = UInt8(ascii: "\"")
    private static let feed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    private let bytes: ArraySlice<UInt8>
    private let separator: UInt8
    private let limits: DataSetLimits
    private var offset: Int
    private var line = 1

    init(_ bytes: ArraySlice<UInt8>, separator: UInt8, limits: DataSetLimits) {
        self.bytes = bytes
        self.separator = separator
        self.limits = limits
        offset = bytes.startIndex
    }

    /// The next record that is not a blank line; nil at the end.
    mutating func next() throws(TuningError) -> Record? {
        while offset < bytes.endIndex, endsLine(at: offset) { skipLineEnd() }
        guard offset < bytes.endIndex else { return nil }
        let (start, first) = (offset, line)
        var record = Record(line: line, fields: [])
        while true {
            guard record.fields.count < limits.columns else {
                throw TuningError(.limitExceeded, "more than \(limits.columns) columns", line: first)
            }
            record.fields.append(try field())
            guard offset - start <= limits.rowBytes else {
                throw TuningError(.limitExceeded, "a row of more than \(limits.rowBytes) bytes", line: first)
            }
            guard offset < bytes.endIndex else { return record }
            if endsLine(at: offset) {
                skipLineEnd()
                return record
            }
            // A separator: another field follows, an empty one at the end of the text.
            offset += 1
        }
    }

    private mutating func field() throws(TuningError) -> [UInt8] {
        guard offset < bytes.endIndex, bytes[offset] == Self.quote else {
            let start = offset
            while offset < bytes.endIndex, bytes[offset] != separator, !endsLine(at: offset) { offset += 1 }
            return Array(bytes[start..<offset])
        }
        return try quotedField()
    }

    private mutating func quotedField() throws(TuningError) -> [UInt8] {
        let first = line
        var text: [UInt8] = []
        offset += 1
        while offset < bytes.endIndex {
            let byte = bytes[offset]
            if byte == Self.quote {
                offset += 1
                guard offset < bytes.endIndex, bytes[offset] == Self.quote else { return try closed(text) }
            } else if endsLine(at: offset), byte == Self.feed || !isFeed(at: offset + 1) {
                line += 1
            }
            text.append(byte)
            offset += 1
            guard text.count <= limits.rowBytes else {
                throw TuningError(
                    .limitExceeded, "a quoted field of more than \(limits.rowBytes) bytes; is a quote missing?", line: first)
            }
        }
        throw TuningError(.malformed, "the file ends within the quoted field that begins here", line: first)
    }

    private func closed(_ text: [UInt8]) throws(TuningError) -> [UInt8] {
        guard offset == bytes.endIndex || bytes[offset] == separator || endsLine(at: offset) else {
            throw TuningError(
                .malformed, "text follows a closing quote; a quote within a quoted field is written twice", line: line)
        }
        return text
    }

    private func endsLine(at index: Int) -> Bool { bytes[index] == Self.feed || bytes[index] == Self.carriageReturn }

    private func isFeed(at index: Int) -> Bool { index < bytes.endIndex && bytes[index] == Self.feed }

    private mutating func skipLineEnd() {
        offset += bytes[offset] == Self.carriageReturn && isFeed(at: offset + 1) ? 2 : 1
        line += 1
    }
}
