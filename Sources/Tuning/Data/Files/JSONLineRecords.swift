/// JSON lines: an object a line. Blank lines are skipped.
struct JSONLineRecords: DataRecordReader {
    private let bytes: ArraySlice<UInt8>
    private let parser: JSONRecordParser
    private var offset: Int
    private var line = 0

    init(_ bytes: ArraySlice<UInt8>, limits: DataSetLimits) {
        self.bytes = bytes
        parser = JSONRecordParser(limits: limits)
        offset = bytes.startIndex
    }

    mutating func next() -> DataRecord? {
        while offset < bytes.endIndex {
            let end = bytes[offset...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
            let text = bytes[offset..<end]
            offset = min(end + 1, bytes.endIndex)
            line += 1
            if !text.allSatisfy(\.isJSONSpace) { return parser.record(text, line: line, isOneLine: true) }
        }
        return nil
    }
}
