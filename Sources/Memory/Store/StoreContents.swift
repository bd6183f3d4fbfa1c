/// What a store holds at one moment: a value that is made by reading the records in order, and by each commit from the one before. Copies
/// share their memory; one record changes one path of each tree and one chunk of keys.
struct StoreContents: Sendable {
    /// Bytes of the records of a segment, and of those among them that count.
    struct Tally: Sendable, Equatable {
        var bytes = 0
        var live = 0

        var dead: Int { bytes - live }
    }

    let identity: StoreIdentity
    private(set) var places = IndexTree<FactPlace>()
    private(set) var keys: FactKeyTable
    /// Of the rivalries of all facts.
    private(set) var calibration = GateCalibration()
    /// Of facts that were forgotten and have records in the files: how many. They keep the record that says so from being dropped.
    private(set) var forgotten = IndexTree<Int>()
    /// By number of the segment.
    private(set) var tallies = IndexTree<Tally>()
    /// Of all segments.
    private(set) var total = Tally()
    /// Chunks of keys that are at most half full, the last one left out.
    private var roomy = IndexTree<Bool>()
    var nextFact: UInt64

    init(identity: StoreIdentity, nextFact: UInt64 = 1) {
        self.identity = identity
        self.nextFact = nextFact
        keys = FactKeyTable(dimension: identity.dimension)
    }

    /// Counts a record that lies in a segment. Errors: `malformed` for keys that are none.
    mutating func insert(_ record: ScannedRecord, in segment: SegmentFile) throws(MemoryError) {
        let header = record.header
        guard header.fact <= StoreLimits.greatestFact else {
            throw .damaged(segment.path, at: record.offset, "no fact has the id \(header.fact)")
        }
        nextFact = max(nextFact, header.fact + 1)
        tally(segment.number) { $0.bytes += header.recordBytes }
        switch header.kind {
        case .forgotten:
            forget(header.fact)
        case .fact:
            var source = record.keys
            let rows = try RecordSections.Keys(&source, dimension: identity.dimension)
            if let count = forgotten[header.fact] {
                forgotten.set(header.fact, count + 1)
                return
            }
            let old = places[header.fact]
            if let old {
                guard header.version > old.version else {
                    places.update(header.fact) { $0?.records += 1 }
                    return
                }
                remove(header.fact, old)
            }
            tally(segment.number) { $0.live += header.recordBytes }
            let chunk = insert(rows, of: header.fact)
            calibration.insert(rows.rivalry)
            places.set(header.fact, FactPlace(
                    header, segment, record.offset, chunk: chunk, records: (old?.records ?? 0) + 1, rivalry: rows.rivalry))
        }
    }

    private mutating func forget(_ fact: Fact.ID) {
        if let old = places[fact] {
            remove(fact, old)
            places.set(fact, nil)
            forgotten.set(fact, Int(old.records))
        } else if forgotten[fact] == nil {
            forgotten.set(fact, 0)
        }
    }

    /// The fact's record does not count any more, and its keys are gone.
    private mutating func remove(_ fact: Fact.ID, _ place: FactPlace) {
        tally(place.segment.number) { $0.live -= place.recordBytes }
        let chunk = Int(place.chunk)
        calibration.remove(place.rivalry)
        keys.remove(fact, chunk: chunk)
        if keys.room(in: chunk) >= FactKeyChunk.capacity / 2 { roomy.set(UInt64(chunk), true) }
    }

    private mutating func insert(_ rows: RecordSections.Keys, of fact: Fact.ID) -> Int {
        let (dimension, preferred) = (identity.dimension, roomy.first(from: 0).map { Int($0.index) })
        let chunk = keys.insert(fact, count: rows.count, preferring: preferred) { chunk in
            for key in 0..<rows.count {
                chunk.append(fact, wording: key, scale: rows.scale(key), vector: rows.vector(key, dimension: dimension))
            }
        }
        if let preferred, keys.room(in: preferred) < FactKeyChunk.capacity / 2 { roomy.set(UInt64(preferred), nil) }
        return chunk
    }

    private mutating func tally(_ segment: UInt64, _ body: (inout Tally) -> Void) {
        let (before, after) = tallies.update(segment) { tally in
            let before = tally ?? Tally()
            var after = before
            body(&after)
            tally = after
            return (before, after)
        }
        total.bytes += after.bytes - before.bytes
        total.live += after.live - before.live
    }

    // Compaction:

    /// A record was copied to another segment. It counts there if it still counted where it was.
    mutating func move(_ fact: Fact.ID, from segment: SegmentFile, at offset: Int, to target: SegmentFile, at place: Int, recordBytes: Int) {
        tally(target.number) { $0.bytes += recordBytes }
        guard let found = places[fact], found.segment === segment, found.offset == offset else { return }
        tally(target.number) { $0.live += recordBytes }
        places.update(fact) {
            $0?.segment = target
            $0?.offset = place
        }
    }

    /// A record that says that a fact is forgotten was copied.
    mutating func moveForgotten(to target: SegmentFile, recordBytes: Int) { tally(target.number) { $0.bytes += recordBytes } }

    /// A record that does not count was left out.
    mutating func drop(_ fact: Fact.ID) {
        if let count = forgotten[fact] {
            forgotten.set(fact, max(0, count - 1))
        } else {
            places.update(fact) { $0?.records -= 1 }
        }
    }

    /// The record that says that a fact is forgotten was left out: no other record of the fact is in the files.
    mutating func dropForgotten(_ fact: Fact.ID) { forgotten.set(fact, nil) }

    /// A segment that does not belong to the store any more.
    mutating func removeSegment(_ number: UInt64) {
        if let tally = tallies[number] {
            total.bytes -= tally.bytes
            total.live -= tally.live
        }
        tallies.set(number, nil)
    }

    /// What a change from another value copied or made: nodes of trees.
    func nodesNotShared(with other: Self) -> Int {
        places.nodesNotShared(with: other.places) + keys.nodesNotShared(with: other.keys) + forgotten.nodesNotShared(with: other.forgotten)
            + tallies.nodesNotShared(with: other.tallies) + roomy.nodesNotShared(with: other.roomy)
    }
}
