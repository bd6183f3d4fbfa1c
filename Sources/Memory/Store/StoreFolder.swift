internal import Files
internal import Glibc

/// A store as its files say.
struct OpenedStore {
    var manifest: StoreManifest
    var contents: StoreContents
    /// Those of the manifest, in its order.
    var segments: [SegmentFile]
    /// Of the records in the last segment.
    var end: Int
    /// Whether a record that was not acknowledged lies behind the end.
    var hasStrayBytes: Bool
}

/// The files of a store's folder: `store.json`, segments (`00000001.facts`), their indexes (`00000001.index`) and `store.lock`. Other files
/// are left alone.
enum StoreFolder {
    private static let names = 1 << 20

    static func open(_ path: String, creates: Bool = false) throws(MemoryError) -> Folder {
        do throws(FileError) {
            if creates { try Folder.create(path) }
            return try Folder(path)
        } catch {
            throw MemoryError(error)
        }
    }

    /// Nil when the folder has no store. Errors: `malformed`, `mismatched`, `unavailable`; `notFound` when a segment is missing.
    static func read(_ folder: Folder, writable: Bool) throws(MemoryError) -> OpenedStore? {
        guard let manifest = try StoreManifest.read(folder) else { return nil }
        var contents = StoreContents(identity: manifest.identity, nextFact: manifest.nextFact)
        var segments: [SegmentFile] = []
        var (end, size) = (0, 0)
        for entry in manifest.segments {
            let segment = try SegmentFile(entry.number, in: folder.path, writable: writable)
            segments.append(segment)
            let insert = { (record: ScannedRecord) throws(MemoryError) in try contents.insert(record, in: segment) }
            if let bytes = entry.bytes {
                let dimension = manifest.identity.dimension
                let found = try segment.size()
                guard found >= bytes else { throw .damaged(segment.path, at: found, "the file has \(found) bytes, expected \(bytes)") }
                if try SegmentIndex.read(segment, bytes: bytes, dimension: dimension, insert) { continue }
                try SegmentScan.records(segment, bytes: bytes, insert)
                if writable { writeIndex(segment, bytes: bytes, dimension: dimension) }
            } else {
                end = try SegmentScan.end(segment)
                try SegmentScan.records(segment, bytes: end, insert)
                size = try segment.size()
            }
        }
        return OpenedStore(manifest: manifest, contents: contents, segments: segments, end: end, hasStrayBytes: size > end)
    }

    /// A store without facts, on the disk. Errors: `malformed` when there are segments with facts and no manifest, `full`, `unavailable`.
    static func create(_ folder: Folder, _ identity: StoreIdentity) throws(MemoryError) -> OpenedStore {
        for name in try listing(folder) where SegmentFile.number(ofFile: name) != nil {
            let size = try status(folder, name)?.stamp.size ?? 0
            guard size <= SegmentFile.headerBytes else {
                throw MemoryError(
                    .malformed, "\(name) holds facts, and \(StoreManifest.name) is missing: restore it from a copy, or use another folder",
                    place: folder.path)
            }
        }
        var manifest = StoreManifest(identity: identity)
        let segment = try SegmentFile(creating: manifest.nextSegment, in: folder.path)
        manifest.segments = [.init(number: segment.number)]
        manifest.nextSegment += 1
        try DiskFile.replace(folder.path, StoreManifest.name, with: manifest.bytes)
        return OpenedStore(
            manifest: manifest, contents: StoreContents(identity: identity), segments: [segment], end: SegmentFile.headerBytes,
            hasStrayBytes: false)
    }

    /// Deletes what an interrupted write left: segments and indexes that the manifest does not list. What cannot be deleted is no harm.
    static func deleteLeftovers(_ folder: Folder, _ manifest: StoreManifest) throws(MemoryError) {
        let listed = Set(manifest.segments.map(\.number))
        for name in try listing(folder) {
            let number = SegmentFile.number(ofFile: name) ?? SegmentFile.number(ofFile: name, suffix: ".index")
            guard number.map({ !listed.contains($0) }) ?? (name == "\(StoreManifest.name).partial") else { continue }
            unlink("\(folder.path)/\(name)")
        }
    }

    /// Of a segment to which nothing is appended any more. An index only saves time when a store is opened, so what fails here is not
    /// reported: a disk that is full, or damage that is an error when the segment is read.
    static func writeIndex(_ segment: SegmentFile, bytes: Int, dimension: Int) {
        do throws(MemoryError) {
            try SegmentIndex.write(segment, bytes: bytes, dimension: dimension)
        } catch {
            unlink(SegmentIndex.path(segment))
        }
    }

    /// The file and its index. Snapshots that read from it still can: the system keeps a deleted file until it is closed.
    static func delete(_ segment: SegmentFile) {
        unlink(SegmentIndex.path(segment))
        unlink(segment.path)
    }

    private static func listing(_ folder: Folder) throws(MemoryError) -> [String] {
        do throws(FileError) { return try folder.listing(limit: names).names } catch { throw MemoryError(error) }
    }

    private static func status(_ folder: Folder, _ name: String) throws(MemoryError) -> FileStatus? {
        do throws(FileError) { return try folder.status(name) } catch { throw MemoryError(error) }
    }
}
