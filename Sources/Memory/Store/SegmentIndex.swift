internal import Files
internal import Tensors
internal import Glibc

/// A file beside a segment to which nothing is appended any more, with the headers and keys of its records, so that opening a store does not
/// read the segments. It is made from the segment: when it is absent, cut off or of another version, the segment is read instead.
/// ```
/// u64 mark, u32 format, u32 dimension, u64 segment, u64 bytes of the segment, u64 records
/// of each record: u64 offset, 72 bytes header, u32 bytes of keys, keys (the beginning of the head)
/// 32 bytes BLAKE3 of all before
/// ```
enum SegmentIndex {
    private static let mark: UInt64 = 0x5844_4e49_454f_4d4c  // LMOEINDX
    private static let format: UInt32 = 1
    private static let digestBytes = 32

    static func path(_ segment: SegmentFile) -> String { String(segment.path.dropLast("facts".utf8.count)) + "index" }

    /// Not flushed: a file that a crash cuts off is not used. Errors: those of the scan, `full`, `unavailable`.
    static func write(_ segment: SegmentFile, bytes: Int, dimension: Int) throws(MemoryError) {
        var (body, records) = (ByteSink(), UInt64(0))
        try SegmentScan.records(segment, bytes: bytes) { record throws(MemoryError) in
            var source = record.keys
            if record.header.kind == .fact { _ = try RecordSections.Keys(&source, dimension: dimension) }
            body.number(UInt64(record.offset))
            record.header.write(into: &body)
            body.number(UInt32(source.offset))
            body.raw(UnsafeRawBufferPointer(rebasing: source.bytes[..<source.offset]))
            records += 1
        }
        var sink = ByteSink()
        sink.number(mark)
        sink.number(format)
        sink.number(UInt32(dimension))
        for number in [segment.number, UInt64(bytes), records] { sink.number(number) }
        sink.array(body.bytes)
        sink.array(ContentDigest(of: sink.bytes).rawBytes)
        let path = path(segment)
        let descriptor = try DiskFile.open(path, O_WRONLY | O_CREAT | O_TRUNC)
        defer { close(descriptor) }
        try DiskFile.write(descriptor, path, sink.bytes, at: 0)
    }

    /// Whether the index is there and fits the segment; its records are then given in order. Errors: those of `body`.
    static func read(
        _ segment: SegmentFile, bytes: Int, dimension: Int, _ body: (ScannedRecord) throws(MemoryError) -> Void
    ) throws(MemoryError) -> Bool {
        let path = path(segment)
        guard let whole = contents(path, limitBytes: 2 * bytes + (1 << 10)), whole.count > digestBytes else { return false }
        let digest = ContentDigest(rawBytes: Array(whole.suffix(digestBytes)))
        let content = Array(whole.dropLast(digestBytes))
        guard ContentDigest(of: content) == digest else { return false }
        return try content.source(path, 0) { source throws(MemoryError) in
            let found: (UInt64, UInt32, UInt32, UInt64, UInt64) = (
                try source.number("mark"), try source.number("format"), try source.number("dimension"), try source.number("segment"),
                try source.number("bytes")
            )
            guard found == (mark, format, UInt32(dimension), segment.number, UInt64(bytes)) else { return false }
            let records: UInt64 = try source.number("records")
            for _ in 0..<records {
                let offset: UInt64 = try source.number("offset")
                let header = try RecordHeader(try source.slice(RecordHeader.byteCount, "header"), path: path, offset: source.offset)
                let count: UInt32 = try source.number("bytes of keys")
                let start = source.offset
                let keys = ByteSource(try source.slice(Int(count), "keys"), path: path, start: start)
                try body(ScannedRecord(header: header, offset: Int(offset), keys: keys))
            }
            return true
        }
    }

    /// Nil for a file that cannot be read: the segment has all that it holds.
    private static func contents(_ path: String, limitBytes: Int) -> [UInt8]? {
        do throws(FileError) {
            return try RegularFile(path, links: .refuse).contents(limitBytes: limitBytes)
        } catch {
            return nil
        }
    }
}
