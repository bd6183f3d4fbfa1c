/// A JSON array of objects. It is cut at the commas between its elements, so that each row knows its line and one broken row is told
/// apart from the others.
struct JSONArrayRecords: DataRecordReader {
    private let bytes: ArraySlice<UInt8>
    private let parser: JSONRecordParser
    private var offset: Int
    private var line = 1
    private var isFirst = true
    private var isOver = false

    init(_ bytes: ArraySlice<UInt8>, limits: DataSetLimits) {
        self.bytes = bytes
        parser = JSONRecordParser(limits: limits)
        offset = bytes.startIndex
    }

    mutating func next() throws(TuningError) -> DataRecord? {
        if isOver { return nil }
        if isFirst { try skip(UInt8(ascii: "["), "a JSON array") }
        skipSpace()
        if offset < bytes.endIndex, bytes[offset] == UInt8(ascii: "]") {
            offset += 1
            return try finish()
        }
        if !isFirst {
            try skip(UInt8(ascii: ","), "a comma or the end of the array")
            skipSpace()
        }
        isFirst = false
        let start = (offset, line)
        try skipElement()
        guard offset > start.0 else { throw TuningError(.malformed, "expected a JSON object", line: line) }
        return parser.record(bytes[start.0..<offset], line: start.1, isOneLine: false)
    }

    /// Up to the comma or bracket that ends an element; brackets and commas within strings do not count.
    private mutating func skipElement() throws(TuningError) {
        let start = line
        var depth = 0
        var isInString = false
        while offset < bytes.endIndex {
            let byte = bytes[offset]
            if byte == UInt8(ascii: "\n") { line += 1 }
            if isInString {
                if byte == UInt8(ascii: "\\") { offset += 1 }
                if byte == UInt8(ascii: "\"") { isInString = false }
            } else {
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"):
                    if depth == 0 { return }
                    if byte != UInt8(ascii: ",") { depth -= 1 }
                default: break
                }
            }
            offset += 1
        }
        throw TuningError(.malformed, "the file ends within the row that begins here", line: start)
    }

    private mutating func skipSpace() {
        while offset < bytes.endIndex, bytes[offset].isJSONSpace {
            if bytes[offset] == UInt8(ascii: "\n") { line += 1 }
            offset += 1
        }
    }

    private mutating func skip(_ byte: UInt8, _ expected: String) throws(TuningError) {
        skipSpace()
        guard offset < bytes.endIndex, bytes[offset] == byte else {
            throw TuningError(.malformed, "expected \(expected)\(offset < bytes.endIndex ? "" : "; the file ends here")", line: line)
        }
        offset += 1
    }

    private mutating func finish() throws(TuningError) -> DataRecord? {
        isOver = true
        skipSpace()
        guard offset == bytes.endIndex else { throw TuningError(.malformed, "more text follows the array", line: line) }
        return nil
    }
}
