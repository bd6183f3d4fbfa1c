/// A record as it is found when a store is opened: where it is, and the beginning of its head, which holds its keys.
struct ScannedRecord {
    var header: RecordHeader
    var offset: Int
    /// A record of a forgotten fact has none.
    var keys: ByteSource
}

/// Reads the records of a segment one after another.
enum SegmentScan {
    /// All records in the first `bytes` of a segment. Header and head of each are read and checked; sections behind them are checked when they
    /// are read. What lies behind `bytes` was never acknowledged. Errors: `malformed`, `unavailable`, and those of `body`.
    static func records(
        _ segment: SegmentFile, bytes: Int, _ body: (ScannedRecord) throws(MemoryError) -> Void
    ) throws(MemoryError) {
        let size = try segment.size()
        guard size >= bytes else { throw .damaged(segment.path, at: size, "the file has \(size) bytes, expected \(bytes)") }
        var offset = SegmentFile.headerBytes
        while offset < bytes {
            let header = try segment.header(at: offset)
            guard header.recordBytes <= bytes - offset else {
                throw .damaged(segment.path, at: offset, "a record goes beyond the end of the file")
            }
            let start = offset + RecordHeader.byteCount
            let head = try segment.read(start..<start + Int(header.head.count))
            guard head.withUnsafeBytes({ header.head.matches($0) }) else {
                throw .damaged(segment.path, at: start, "the checksum of fact \(header.fact)'s head does not match")
            }
            try head.source(segment.path, start) { source throws(MemoryError) in
                try body(ScannedRecord(header: header, offset: offset, keys: source))
            }
            offset += header.recordBytes
        }
    }

    /// Of the last segment: where the changes that count end. Every byte is checked. Changes of a request whose last record the end of the file
    /// cuts off were not acknowledged. Nor were those with a record that is zeros from some place to the end of the file, which a file system
    /// leaves that gave a file its length before its data. Any other damage is an error. Errors: `malformed`, `unavailable`.
    static func end(_ segment: SegmentFile) throws(MemoryError) -> Int {
        let size = try segment.size()
        var (offset, end) = (SegmentFile.headerBytes, SegmentFile.headerBytes)
        while size - offset >= RecordHeader.byteCount {
            do throws(MemoryError) {
                let header = try segment.header(at: offset)
                guard header.recordBytes <= size - offset else { break }
                try segment.read(offset..<offset + header.recordBytes).source(segment.path, offset) { source throws(MemoryError) in
                    try check(&source, header)
                }
                offset += header.recordBytes
                if header.isLast { end = offset }
            } catch {
                guard error.code == .malformed, try isUnwritten(segment, offset, size) else { throw error }
                break
            }
        }
        return end
    }

    /// Every section of a record and its end. Errors: `malformed`.
    static func check(_ source: inout ByteSource, _ header: RecordHeader) throws(MemoryError) {
        _ = try source.slice(RecordHeader.byteCount, "header")
        for (section, name) in [(header.head, "head"), (header.pieces, "pieces"), (header.experts, "experts")] {
            let bytes = try source.slice(Int(section.count), "section")
            guard section.matches(bytes) else {
                throw .damaged(
                    source.path, at: source.start + source.offset - bytes.count, "the checksum of fact \(header.fact)'s \(name) does not match")
            }
        }
        let end: UInt64 = try source.number("end of a record")
        guard end == RecordHeader.end else {
            throw .damaged(
                source.path, at: source.start + source.offset - RecordHeader.endBytes, "the end of fact \(header.fact)'s record is not there")
        }
    }

    /// Whether the record at an offset lost its end to zeros that reach to the end of the file. A record's last byte is not 0.
    private static func isUnwritten(_ segment: SegmentFile, _ offset: Int, _ size: Int) throws(MemoryError) -> Bool {
        let rest = try segment.read(offset..<size)
        let written = (rest.lastIndex { $0 != 0 } ?? -1) + 1
        guard written >= RecordHeader.byteCount else { return written < rest.count }
        do throws(MemoryError) {
            return try written < segment.header(at: offset).recordBytes
        } catch where error.code == .malformed {
            // The header is there and damaged.
            return false
        }
    }
}
