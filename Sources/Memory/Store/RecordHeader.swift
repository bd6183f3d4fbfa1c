/// The first 72 bytes of a record. A record is
/// ```
/// header   u32 mark, u16 kind, u16 1 if another record of the same request follows, u64 fact, u64 version,
///          u32 bytes of head, of pieces, of experts, u32 experts, u64 checksum of head, of pieces, of experts, of the 64 bytes before
/// head     keys and texts            (RecordSections)
/// pieces   word pieces of the keys
/// experts  offsets, inner, outer
/// end      u64 mark, whose last byte is not 0
/// ```
/// A record that says that a fact is forgotten has no sections. Every byte is covered by a checksum or compared with a mark.
struct RecordHeader: Sendable, Equatable {
    enum Kind: UInt16, Sendable {
        case fact = 1
        case forgotten = 2
    }

    /// Bytes of a section with their checksum.
    struct Section: Sendable, Equatable {
        var count: UInt32 = 0
        var checksum: UInt64 = 0

        init() {}

        init(_ bytes: [UInt8]) {
            count = UInt32(bytes.count)
            checksum = bytes.withUnsafeBytes { Memory.checksum($0) }
        }

        func matches(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.count == Int(count) && Memory.checksum(bytes) == checksum }
    }

    static let byteCount = 72
    static let endBytes = 8
    private static let mark: UInt32 = 0x5246_4d4c  // LMFR
    static let end: UInt64 = 0x0a44_4e45_5246_4d4c  // LMFREND, line feed

    var kind: Kind
    var fact: Fact.ID
    var version: UInt64
    var head = Section()
    var pieces = Section()
    var experts = Section()
    var expertCount: UInt32 = 0
    /// Of the changes that were given together. They count together, or none does when a crash cut off the last.
    var isLast = true

    /// Of the whole record.
    var recordBytes: Int { Self.byteCount + Int(head.count) + Int(pieces.count) + Int(experts.count) + Self.endBytes }

    func write(into sink: inout ByteSink) {
        var own = ByteSink()
        own.number(Self.mark)
        own.number(kind.rawValue)
        own.number(UInt16(isLast ? 0 : 1))
        own.number(fact)
        own.number(version)
        for count in [head.count, pieces.count, experts.count, expertCount] { own.number(count) }
        for sum in [head.checksum, pieces.checksum, experts.checksum] { own.number(sum) }
        own.number(own.bytes.withUnsafeBytes { checksum($0) })
        sink.array(own.bytes)
    }

    init(kind: Kind, fact: Fact.ID, version: UInt64) {
        self.kind = kind
        self.fact = fact
        self.version = version
    }

    /// Errors: `malformed`.
    init(_ bytes: UnsafeRawBufferPointer, path: String, offset: Int) throws(MemoryError) {
        var source = ByteSource(bytes, path: path, start: offset)
        let covered = UnsafeRawBufferPointer(rebasing: bytes[..<min(bytes.count, Self.byteCount - 8)])
        let mark: UInt32 = try source.number("mark of a record")
        let kind: UInt16 = try source.number("kind of a record")
        let follows: UInt16 = try source.number("whether a record follows")
        fact = try source.number("id of a fact")
        version = try source.number("version of a fact")
        head.count = try source.number("bytes of the head")
        pieces.count = try source.number("bytes of the pieces")
        experts.count = try source.number("bytes of the experts")
        expertCount = try source.number("number of experts")
        head.checksum = try source.number("checksum of the head")
        pieces.checksum = try source.number("checksum of the pieces")
        experts.checksum = try source.number("checksum of the experts")
        let sum: UInt64 = try source.number("checksum of the header")
        guard sum == checksum(covered) else { throw .damaged(path, at: offset, "the checksum of a record's header does not match") }
        guard mark == Self.mark, let kind = Kind(rawValue: kind) else {
            throw .damaged(path, at: offset, "a record of kind \(kind), which this version does not know")
        }
        self.kind = kind
        isLast = follows == 0
        guard kind == .fact || (head.count, pieces.count, experts.count, expertCount) == (0, 0, 0, 0) else {
            throw .damaged(path, at: offset, "a record of a forgotten fact has sections")
        }
    }
}
