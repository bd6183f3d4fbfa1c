internal import Glibc

/// What compaction made of some segments: one with their live records. It is made beside the running store, from a snapshot; what was
/// changed or forgotten meanwhile is found out when it is put in place.
struct RewrittenSegment {
    private enum Step {
        case moved(Fact.ID, from: SegmentFile, at: Int, to: Int, bytes: Int)
        case movedForgotten(bytes: Int)
        case dropped(Fact.ID)
        case droppedForgotten(Fact.ID)
    }

    /// Nil: no record of the sources counts.
    private(set) var target: SegmentFile?
    /// Of the target.
    private(set) var bytes = SegmentFile.headerBytes
    private var steps: [Step] = []

    /// Memory for records that wait to be written.
    private static let bufferBytes = 4 << 20

    /// Copies, with a check of every byte, and flushes. Errors: `malformed` for a source that is damaged, `full`, `unavailable`; the new file
    /// is then deleted.
    init(_ rewrite: StoreWriter.Rewrite, of contents: StoreContents, in folder: String) throws(MemoryError) {
        do throws(MemoryError) {
            var buffer: [UInt8] = []
            // Records of a forgotten fact that were left out here.
            var left: [Fact.ID: Int] = [:]
            for (segment, bytes) in rewrite.sources {
                var offset = SegmentFile.headerBytes
                while offset < bytes {
                    let header = try segment.header(at: offset)
                    guard header.recordBytes <= bytes - offset else {
                        throw MemoryError.damaged(segment.path, at: offset, "a record goes beyond the end of the file")
                    }
                    if try keep(header, at: offset, in: segment, contents, &left) {
                        let record = try segment.read(offset..<offset + header.recordBytes)
                        try record.source(segment.path, offset) { source throws(MemoryError) in try SegmentScan.check(&source, header) }
                        if target == nil { target = try SegmentFile(creating: rewrite.target, in: folder) }
                        buffer += record
                        if buffer.count >= Self.bufferBytes { try write(&buffer) }
                    }
                    offset += header.recordBytes
                }
            }
            try write(&buffer)
            if let target { try DiskFile.flush(target.descriptor, target.path) }
        } catch {
            delete()
            throw error
        }
    }

    /// Where `buffer` goes when it is written; `bytes` is its end.
    private mutating func write(_ buffer: inout [UInt8]) throws(MemoryError) {
        guard let target, !buffer.isEmpty else { return }
        try DiskFile.write(target.descriptor, target.path, buffer, at: bytes - buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Whether a record is copied; notes what becomes of it.
    private mutating func keep(
        _ header: RecordHeader, at offset: Int, in segment: SegmentFile, _ contents: StoreContents, _ left: inout [Fact.ID: Int]
    ) throws(MemoryError) -> Bool {
        switch header.kind {
        case .fact:
            if let place = contents.places[header.fact], place.segment === segment, place.offset == offset {
                steps.append(.moved(header.fact, from: segment, at: offset, to: bytes, bytes: header.recordBytes))
                break
            }
            if contents.forgotten[header.fact] != nil { left[header.fact, default: 0] += 1 }
            steps.append(.dropped(header.fact))
            return false
        case .forgotten:
            // Without it, a record of the fact in another segment would count again.
            guard (contents.forgotten[header.fact] ?? 0) > left[header.fact, default: 0] else {
                steps.append(.droppedForgotten(header.fact))
                return false
            }
            steps.append(.movedForgotten(bytes: header.recordBytes))
        }
        bytes += header.recordBytes
        return true
    }

    func apply(to contents: inout StoreContents) {
        for step in steps {
            switch step {
            case .moved(let fact, let segment, let offset, let place, let bytes):
                guard let target else { continue }
                contents.move(fact, from: segment, at: offset, to: target, at: place, recordBytes: bytes)
            case .movedForgotten(let bytes):
                guard let target else { continue }
                contents.moveForgotten(to: target, recordBytes: bytes)
            case .dropped(let fact): contents.drop(fact)
            case .droppedForgotten(let fact): contents.dropForgotten(fact)
            }
        }
    }

    /// Of a rewrite that is given up. What cannot be deleted is deleted when the store is opened again.
    func delete() {
        if let target { unlink(target.path) }
    }
}
