/// All facts of a store at one moment. It never changes: facts that are told, changed or forgotten afterwards are in a later snapshot. Any
/// thread may hold and read one; no writer waits for it, and it waits for none.
///
/// Texts, word pieces and experts stay in the files and are read when they are asked for. What is in memory is about 50 bytes a fact and the
/// sentence vectors of its keys. A snapshot keeps the files that it reads from open, also when the store has replaced them.
public struct MemorySnapshot: Sendable {
    let contents: StoreContents

    public var identity: StoreIdentity { contents.identity }
    /// Facts.
    public var count: Int { contents.places.count }
    /// The sentence vectors of all facts, for a scan.
    public var keys: FactKeyTable { contents.keys }
    /// The score from which on a request means a fact: `GateCalibration.threshold`.
    public var threshold: Float { contents.calibration.threshold }
    /// Bytes of all records in the files.
    public var bytes: Int { contents.total.bytes }
    /// Bytes of records of facts that were changed or forgotten, which compaction removes.
    public var deadBytes: Int { contents.total.dead }

    public func contains(_ id: Fact.ID) -> Bool { contents.places[id] != nil }

    /// 1 for a fact as it was told, and one more for each change; nil: there is no such fact.
    public func version(of id: Fact.ID) -> UInt64? { contents.places[id]?.version }

    /// The first fact after an id, or at all: how facts are listed page by page, in the order in which they were told.
    public func id(after previous: Fact.ID?) -> Fact.ID? {
        guard previous != .max else { return nil }
        return contents.places.first(from: previous.map { $0 + 1 } ?? 0)?.index
    }

    /// All ids, rising. Cost: O(log facts) an id.
    public var ids: some Sequence<Fact.ID> & Sendable { FactIDs(snapshot: self) }

    private struct FactIDs: Sequence, IteratorProtocol, Sendable {
        let snapshot: MemorySnapshot
        var last: Fact.ID?

        mutating func next() -> Fact.ID? {
            guard let id = snapshot.id(after: last) else { return nil }
            last = id
            return id
        }
    }

    /// The texts of a fact; nil: there is no such fact. Cost: two reads. Errors: `malformed`, `unavailable`.
    public func fact(_ id: Fact.ID) throws(MemoryError) -> Fact? {
        guard let place = contents.places[id] else { return nil }
        return try place.readHead(id, identity).fact
    }

    /// The keys of a fact with their word pieces; nil: there is no such fact. Cost: four reads. Errors: `malformed`, `unavailable`.
    public func keys(of id: Fact.ID) throws(MemoryError) -> [FactKey]? {
        guard let place = contents.places[id] else { return nil }
        return try place.readPieces(id, into: try place.readHead(id, identity).keys, identity)
    }

    /// Where the experts of a fact lie; nil: there is no such fact. Nothing is read.
    public func experts(of id: Fact.ID) -> StoredExperts? {
        contents.places[id].map { StoredExperts(fact: id, place: $0, identity: identity) }
    }

    /// All of a fact, every byte checked; nil: there is no such fact. Errors: `malformed`, `unavailable`.
    public func record(_ id: Fact.ID) throws(MemoryError) -> FactRecord? {
        guard let place = contents.places[id] else { return nil }
        let head = try place.readHead(id, identity)
        return FactRecord(
            fact: head.fact, keys: try place.readPieces(id, into: head.keys, identity), experts: try place.readExperts(id, identity),
            rivalry: head.rivalry)
    }
}

/// The experts of a fact, in a file. They can be read as long as this value lives, also when the fact is changed or forgotten meanwhile.
public struct StoredExperts: Sendable {
    public let fact: Fact.ID
    let place: FactPlace
    let identity: StoreIdentity

    /// Of the fact: experts of another version are other experts.
    public var version: UInt64 { place.version }
    public var count: Int { Int(place.expertCount) }
    /// In the file.
    public var byteCount: Int { Int(place.experts) }

    /// Cost: two reads, the second of `byteCount`. Errors: `malformed`, `unavailable`.
    public func read() throws(MemoryError) -> FactExperts { try place.readExperts(fact, identity) }
}
