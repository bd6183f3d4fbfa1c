internal import Glibc

/// The writing half of an open store: the last segment, its end, and the manifest. One thread at a time.
///
/// A record counts when `fdatasync` has returned. Until then readers do not see it, and what is left of a write that failed is cut off.
struct StoreWriter {
    let folder: String
    private let lock: StoreLock
    let limits: StoreLimits
    private(set) var manifest: StoreManifest
    /// Those of the manifest, in its order. Records are appended to the last.
    private(set) var segments: [SegmentFile]
    private(set) var contents: StoreContents
    /// Where the next record begins: all before is on the disk.
    private var end: Int
    /// A write failed: there may be bytes behind the end.
    private var hasStrayBytes = false
    /// A flush failed. The system may have forgotten that the file's pages are not on the disk, so nothing more is appended to it.
    private var isUnreliable = false
    /// Whether the names in the folder are on the disk.
    private var isFolderFlushed = false

    init(folder: String, lock: StoreLock, limits: StoreLimits, opened: OpenedStore) {
        self.folder = folder
        self.lock = lock
        self.limits = limits
        (manifest, segments, contents, end) = (opened.manifest, opened.segments, opened.contents, opened.end)
        hasStrayBytes = opened.hasStrayBytes
    }

    /// Another store may write.
    func release() { lock.release() }

    private var active: SegmentFile { segments[segments.count - 1] }

    // Changes:

    /// Writes the changes of several callers and flushes them together. One caller's changes are written all or not at all, and a caller whose
    /// changes are refused does not disturb the others. Errors: `invalid`, `notFound`, `full`, `unavailable`.
    mutating func commit(_ requests: [[StoreChange]]) -> [PendingChanges.Outcome] {
        do throws(MemoryError) {
            try prepare()
        } catch {
            return requests.map { _ in .failure(error) }
        }
        var (next, bytes) = (contents, [UInt8]())
        var outcomes = requests.map { request -> PendingChanges.Outcome in
            do throws(MemoryError) {
                let (ids, more, after) = try apply(request, to: next, at: end + bytes.count)
                next = after
                bytes += more
                return .success(ids)
            } catch {
                return .failure(error)
            }
        }
        guard !bytes.isEmpty else { return outcomes }
        do throws(MemoryError) {
            try append(bytes)
            contents = next
            end += bytes.count
        } catch {
            outcomes = outcomes.map { if case .success = $0 { .failure(error) } else { $0 } }
        }
        return outcomes
    }

    /// The bytes of one caller's changes, and what the store holds after them.
    private func apply(
        _ changes: [StoreChange], to contents: StoreContents, at start: Int
    ) throws(MemoryError) -> (ids: [Fact.ID], bytes: [UInt8], contents: StoreContents) {
        var (after, sink, ids) = (contents, ByteSink(), [Fact.ID]())
        for (index, change) in changes.enumerated() {
            do throws(MemoryError) {
                let offset = sink.bytes.count
                let header = try write(change, isLast: index == changes.count - 1, to: after, into: &sink)
                let keys = Array(sink.bytes[(offset + RecordHeader.byteCount)...])
                try keys.source(active.path, start + offset + RecordHeader.byteCount) { source throws(MemoryError) in
                    try after.insert(ScannedRecord(header: header, offset: start + offset, keys: source), in: active)
                }
                guard sink.bytes.count <= limits.batchBytes else {
                    throw MemoryError(.full, "more than \(limits.batchBytes) bytes at once: store fewer facts at a time")
                }
                ids.append(header.fact)
            } catch {
                guard changes.count > 1 else { throw error }
                throw MemoryError(error.code, error.message, place: "changes[\(index)]" + (error.place.map { ".\($0)" } ?? ""))
            }
        }
        return (ids, sink.bytes, after)
    }

    private func write(
        _ change: StoreChange, isLast: Bool, to contents: StoreContents, into sink: inout ByteSink
    ) throws(MemoryError) -> RecordHeader {
        switch change {
        case .add(var record):
            guard contents.places.count < limits.facts else {
                throw MemoryError(.full, "the store has \(limits.facts) facts, and takes no more")
            }
            guard contents.nextFact <= StoreLimits.greatestFact else { throw MemoryError(.full, "all ids of facts are used up") }
            record.fact.id = contents.nextFact
            try record.check(contents.identity, limits)
            return try RecordSections.write(record, version: 1, isLast: isLast, limits: limits, into: &sink)
        case .change(let record):
            let version = try version(record.fact.id, contents)
            try record.check(contents.identity, limits)
            return try RecordSections.write(record, version: version + 1, isLast: isLast, limits: limits, into: &sink)
        case .forget(let id):
            return RecordSections.writeForgotten(id, version: try version(id, contents) + 1, isLast: isLast, into: &sink)
        }
    }

    private func version(_ id: Fact.ID, _ contents: StoreContents) throws(MemoryError) -> UInt64 {
        guard let place = contents.places[id] else { throw MemoryError(.notFound, "there is no fact \(id)") }
        return place.version
    }

    private mutating func append(_ bytes: [UInt8]) throws(MemoryError) {
        hasStrayBytes = true
        do throws(MemoryError) {
            try DiskFile.write(active.descriptor, active.path, bytes, at: end)
        } catch {
            do throws(MemoryError) {
                try cutStrayBytes()
            } catch {
                // It is tried again before the next write, and reported then.
            }
            throw error
        }
        do throws(MemoryError) {
            try DiskFile.flush(active.descriptor, active.path)
        } catch {
            isUnreliable = true
            throw error
        }
        hasStrayBytes = false
    }

    // Files:

    /// Before records are appended: cuts what a failed write left, and begins another segment where one is due.
    private mutating func prepare() throws(MemoryError) {
        try cutStrayBytes()
        if isUnreliable {
            try beginSegment()
        } else if end >= max(limits.segmentBytes, contents.total.bytes / 128) {
            do throws(MemoryError) {
                try beginSegment()
            } catch {
                // A longer segment is no harm. On a full disk, what is forgotten may still have room in this one.
            }
        }
        try flushFolder()
    }

    private mutating func cutStrayBytes() throws(MemoryError) {
        guard hasStrayBytes else { return }
        try DiskFile.truncate(active.descriptor, active.path, to: end)
        hasStrayBytes = false
    }

    private mutating func flushFolder() throws(MemoryError) {
        guard !isFolderFlushed else { return }
        try DiskFile.flushFolder(folder)
        isFolderFlushed = true
    }

    /// Appends to another segment from now on.
    private mutating func beginSegment() throws(MemoryError) {
        try cutStrayBytes()
        let fresh = try SegmentFile(creating: manifest.nextSegment, in: folder)
        var next = manifest
        next.segments[next.segments.count - 1].bytes = end
        next.segments.append(.init(number: fresh.number))
        next.nextSegment += 1
        do throws(MemoryError) {
            try replaceManifest(next)
        } catch {
            unlink(fresh.path)
            throw error
        }
        let (sealed, bytes) = (active, end)
        segments.append(fresh)
        (end, isUnreliable) = (SegmentFile.headerBytes, false)
        StoreFolder.writeIndex(sealed, bytes: bytes, dimension: contents.identity.dimension)
    }

    private mutating func replaceManifest(_ next: StoreManifest) throws(MemoryError) {
        var next = next
        next.nextFact = contents.nextFact
        try DiskFile.replace(folder, StoreManifest.name, with: next.bytes)
        manifest = next
        isFolderFlushed = false
    }

    // Compaction:

    /// Segments to rewrite together, in order, and the number of the file that replaces them.
    struct Rewrite: Sendable {
        var sources: [(segment: SegmentFile, bytes: Int)]
        var target: UInt64
    }

    /// Chooses the segments to rewrite: all with bytes that do not count, or those of which they are a quarter. Each group's live records fill
    /// about one segment. Errors: `full`, `unavailable`.
    mutating func planRewrites(all: Bool) throws(MemoryError) -> [Rewrite] {
        func isChosen(_ segment: SegmentFile) -> Bool {
            guard let tally = contents.tallies[segment.number] else { return false }
            return all ? tally.dead > 0 : 4 * tally.dead >= tally.bytes && tally.dead > 0
        }
        try cutStrayBytes()
        if isChosen(active) { try beginSegment() }
        var (rewrites, live) = ([Rewrite](), 0)
        for (entry, segment) in zip(manifest.segments, segments) {
            guard let bytes = entry.bytes, isChosen(segment) else { continue }
            let more = contents.tallies[segment.number]?.live ?? 0
            if rewrites.isEmpty || live + more > limits.segmentBytes {
                rewrites.append(Rewrite(sources: [], target: manifest.nextSegment))
                manifest.nextSegment += 1
                live = 0
            }
            live += more
            rewrites[rewrites.count - 1].sources.append((segment, bytes))
        }
        return rewrites
    }

    /// Puts the rewritten segment in place of its sources. Returns whether it is certain that no crash brings the sources back: then they can
    /// be deleted. Errors: `full`, `unavailable`; nothing has changed then.
    mutating func replace(_ rewrite: Rewrite, by rewritten: RewrittenSegment) throws(MemoryError) -> Bool {
        var after = contents
        rewritten.apply(to: &after)
        let numbers = Set(rewrite.sources.map(\.segment.number))
        for number in numbers { after.removeSegment(number) }
        var (next, files) = (manifest, segments)
        let place = files.firstIndex { numbers.contains($0.number) } ?? 0
        next.segments.removeAll { numbers.contains($0.number) }
        files.removeAll { numbers.contains($0.number) }
        if let target = rewritten.target {
            next.segments.insert(.init(number: target.number, bytes: rewritten.bytes), at: place)
            files.insert(target, at: place)
        }
        try replaceManifest(next)
        (segments, contents) = (files, after)
        do throws(MemoryError) {
            try flushFolder()
            return true
        } catch {
            // The next commit flushes the folder before it writes, and reports what fails then.
            return false
        }
    }
}
