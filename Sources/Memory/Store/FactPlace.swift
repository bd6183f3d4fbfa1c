/// Where the record of a fact lies, and what is known of it without reading it.
struct FactPlace: Sendable {
    var segment: SegmentFile
    var offset: Int
    var version: UInt64
    var head: UInt32
    var pieces: UInt32
    var experts: UInt32
    /// Of the table of keys.
    var chunk: UInt32
    /// Records of the fact in all files: this one and those of earlier versions.
    var records: UInt32
    var expertCount: UInt16
    /// `FactRecord.rivalry`
    var rivalry: Float?

    init(_ header: RecordHeader, _ segment: SegmentFile, _ offset: Int, chunk: Int, records: UInt32, rivalry: Float?) {
        self.rivalry = rivalry
        self.segment = segment
        self.offset = offset
        version = header.version
        (head, pieces, experts) = (header.head.count, header.pieces.count, header.experts.count)
        self.chunk = UInt32(chunk)
        self.records = records
        expertCount = UInt16(clamping: header.expertCount)
    }

    var recordBytes: Int { RecordHeader.byteCount + Int(head) + Int(pieces) + Int(experts) + RecordHeader.endBytes }
    var headStart: Int { offset + RecordHeader.byteCount }
    var piecesStart: Int { headStart + Int(head) }
    var expertsStart: Int { piecesStart + Int(pieces) }

    /// The record's header, if it is still that of the fact. Errors: `malformed`, `unavailable`.
    private func header(_ fact: Fact.ID) throws(MemoryError) -> RecordHeader {
        let header = try segment.header(at: offset)
        guard header.fact == fact, header.version == version, header.recordBytes == recordBytes else {
            throw .damaged(
                segment.path, at: offset,
                "the record is of fact \(header.fact), version \(header.version); expected fact \(fact), version \(version)")
        }
        return header
    }

    /// Reads a section and compares its checksum.
    private func section<Result>(
        _ section: RecordHeader.Section, at start: Int, _ name: String, _ body: (inout ByteSource) throws(MemoryError) -> Result
    ) throws(MemoryError) -> Result {
        let bytes = try segment.read(start..<start + Int(section.count))
        guard bytes.withUnsafeBytes({ section.matches($0) }) else {
            throw .damaged(segment.path, at: start, "the checksum of the \(name) does not match")
        }
        return try bytes.source(segment.path, start, body)
    }

    func readHead(_ fact: Fact.ID, _ identity: StoreIdentity) throws(MemoryError) -> (fact: Fact, keys: [FactKey], rivalry: Float?) {
        try section(try header(fact).head, at: headStart, "head") { source throws(MemoryError) in
            try RecordSections.readHead(&source, id: fact, dimension: identity.dimension)
        }
    }

    func readPieces(_ fact: Fact.ID, into keys: [FactKey], _ identity: StoreIdentity) throws(MemoryError) -> [FactKey] {
        try section(try header(fact).pieces, at: piecesStart, "word pieces") { source throws(MemoryError) in
            var keys = keys
            try RecordSections.readPieces(&source, into: &keys, dimension: identity.dimension)
            return keys
        }
    }

    func readExperts(_ fact: Fact.ID, _ identity: StoreIdentity) throws(MemoryError) -> FactExperts {
        try section(try header(fact).experts, at: expertsStart, "experts") { source throws(MemoryError) in
            try RecordSections.readExperts(&source, count: Int(expertCount), identity: identity)
        }
    }
}
