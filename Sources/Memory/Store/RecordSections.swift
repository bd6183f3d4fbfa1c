/// The sections of a fact's record.
/// ```
/// head     u16 keys, f32 rivalry (NaN: none), f32 scale of each, i8 [keys, dimension] sentence vectors; i64 created, u16 wordings,
///          u32 bytes of the question, of the answer, of the source (and 1; 0: none), of each wording; the texts in that order
/// pieces   of each key u16 pieces, i32 tokens, u16 words, f32 scales, i8 [pieces, dimension] vectors
/// experts  f32 offsets, bf16 [experts, hidden] inner, bf16 [experts, hidden] outer
/// ```
/// The head begins with the keys, since the index of a segment holds that part.
enum RecordSections {
    /// Appends a whole record. Errors: `full` for a record beyond the bound.
    static func write(
        _ record: FactRecord, version: UInt64, isLast: Bool, limits: StoreLimits, into sink: inout ByteSink
    ) throws(MemoryError) -> RecordHeader {
        let sections = [head(record), pieces(record.keys), experts(record.experts)]
        let total = sections.reduce(RecordHeader.byteCount + RecordHeader.endBytes) { $0 + $1.count }
        guard total <= limits.recordBytes else {
            throw MemoryError(
                .full,
                "the fact takes \(total) bytes with its keys and experts; a store takes \(limits.recordBytes): use fewer or shorter wordings")
        }
        var header = RecordHeader(kind: .fact, fact: record.fact.id, version: version)
        (header.head, header.pieces, header.experts) = (.init(sections[0]), .init(sections[1]), .init(sections[2]))
        header.expertCount = UInt32(record.experts.count)
        header.isLast = isLast
        header.write(into: &sink)
        for section in sections { sink.array(section) }
        sink.number(RecordHeader.end)
        return header
    }

    static func writeForgotten(_ fact: Fact.ID, version: UInt64, isLast: Bool, into sink: inout ByteSink) -> RecordHeader {
        var header = RecordHeader(kind: .forgotten, fact: fact, version: version)
        header.isLast = isLast
        header.write(into: &sink)
        sink.number(RecordHeader.end)
        return header
    }

    private static func head(_ record: FactRecord) -> [UInt8] {
        let fact = record.fact
        var sink = ByteSink()
        sink.number(UInt16(record.keys.count))
        sink.array([record.rivalry ?? .nan] + record.keys.map(\.scale))
        for key in record.keys { sink.array(key.sentence) }
        sink.number(fact.created)
        sink.number(UInt16(fact.wordings.count))
        sink.number(UInt32(fact.question.utf8.count))
        sink.number(UInt32(fact.answer.utf8.count))
        sink.number(fact.source.map { UInt32($0.utf8.count) + 1 } ?? 0)
        for wording in fact.wordings { sink.number(UInt32(wording.utf8.count)) }
        for text in [fact.question, fact.answer, fact.source ?? ""] + fact.wordings { sink.text(text) }
        return sink.bytes
    }

    private static func pieces(_ keys: [FactKey]) -> [UInt8] {
        var sink = ByteSink()
        for pieces in keys.map(\.pieces) {
            sink.number(UInt16(pieces.count))
            sink.array(pieces.tokens)
            sink.array(pieces.words)
            sink.array(pieces.scales)
            sink.array(pieces.vectors)
        }
        return sink.bytes
    }

    private static func experts(_ experts: FactExperts) -> [UInt8] {
        var sink = ByteSink()
        sink.array(experts.offsets)
        sink.array(experts.inner)
        sink.array(experts.outer)
        return sink.bytes
    }

    /// The sentence vectors at the beginning of a head.
    struct Keys {
        var count: Int
        /// `FactRecord.rivalry`.
        var rivalry: Float?
        var scales: UnsafeRawBufferPointer
        /// `[count, dimension]`
        var vectors: UnsafeRawBufferPointer

        init(_ source: inout ByteSource, dimension: Int) throws(MemoryError) {
            let keys: UInt16 = try source.number("number of keys")
            guard (1...FactKeyChunk.capacity).contains(Int(keys)) else { throw source.damage("\(keys) keys of a fact") }
            count = Int(keys)
            let found = try source.array(1, of: Float.self, "rivalry")[0]
            rivalry = found.isNaN ? nil : found
            scales = try source.slice(count * MemoryLayout<Float>.stride, "scales of keys")
            vectors = try source.slice(count * dimension, "keys")
        }

        func scale(_ key: Int) -> Float { scales.loadUnaligned(fromByteOffset: key * MemoryLayout<Float>.stride, as: Float.self) }

        func vector(_ key: Int, dimension: Int) -> UnsafeBufferPointer<Int8> {
            UnsafeRawBufferPointer(rebasing: vectors[key * dimension..<(key + 1) * dimension]).assumingMemoryBound(to: Int8.self)
        }
    }

    /// The texts of a head, and the keys without their pieces. Errors: `malformed`.
    static func readHead(_ source: inout ByteSource, id: Fact.ID, dimension: Int) throws(MemoryError) -> (fact: Fact, keys: [FactKey], rivalry: Float?) {
        let found = try Keys(&source, dimension: dimension)
        let keys = (0..<found.count).map { FactKey(sentence: Array(found.vector($0, dimension: dimension)), scale: found.scale($0)) }
        let created: Int64 = try source.number("time")
        let wordings: UInt16 = try source.number("number of wordings")
        let lengths = try source.array(3 + Int(wordings), of: UInt32.self, "lengths of texts").map { Int(UInt32(littleEndian: $0)) }
        let question = try source.text(lengths[0], "question")
        let answer = try source.text(lengths[1], "answer")
        let origin = lengths[2] > 0 ? try source.text(lengths[2] - 1, "source") : nil
        var others: [String] = []
        for length in lengths[3...] { others.append(try source.text(length, "wording")) }
        guard source.rest == 0 else { throw source.damage("\(source.rest) bytes behind the texts") }
        return (Fact(id: id, question: question, wordings: others, answer: answer, source: origin, created: created), keys, found.rivalry)
    }

    /// Errors: `malformed`.
    static func readPieces(_ source: inout ByteSource, into keys: inout [FactKey], dimension: Int) throws(MemoryError) {
        for index in keys.indices {
            let count: UInt16 = try source.number("number of pieces")
            let pieces = Int(count)
            keys[index].pieces = FactKey.Pieces(
                tokens: try source.array(pieces, of: Int32.self, "tokens"), words: try source.array(pieces, of: UInt16.self, "words"),
                scales: try source.array(pieces, of: Float.self, "scales of pieces"),
                vectors: try source.array(pieces * dimension, of: Int8.self, "vectors of pieces"))
        }
        guard source.rest == 0 else { throw source.damage("\(source.rest) bytes behind the pieces") }
    }

    /// Errors: `malformed`.
    static func readExperts(_ source: inout ByteSource, count: Int, identity: StoreIdentity) throws(MemoryError) -> FactExperts {
        let bytes = count * (MemoryLayout<Float>.stride + 2 * identity.hidden * MemoryLayout<UInt16>.stride)
        guard source.rest == bytes else { throw source.damage("\(count) experts take \(bytes) bytes, found \(source.rest)") }
        let offsets = try source.array(count, of: Float.self, "offsets")
        let inner = try source.array(count * identity.hidden, of: UInt16.self, "inner")
        let outer = try source.array(count * identity.hidden, of: UInt16.self, "outer")
        return FactExperts(site: identity.site, hidden: identity.hidden, inner: inner, offsets: offsets, outer: outer)
    }
}
