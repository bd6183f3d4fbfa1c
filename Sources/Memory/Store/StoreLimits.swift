/// The bounds of a store. Whatever exceeds one is refused with `full` or `invalid`, and nothing is written.
public struct StoreLimits: Sendable, Equatable {
    /// UTF-8 bytes of a question and of each other wording.
    public var questionBytes = 4 << 10
    /// Other wordings of a fact.
    public var wordings = 64
    /// UTF-8 bytes of an answer.
    public var answerBytes = 16 << 10
    /// UTF-8 bytes of a fact's source.
    public var sourceBytes = 1 << 10
    /// Experts of a fact: 256 tokens of an answer and the end.
    public var experts = 257
    /// Word pieces of a key.
    public var pieces = 512
    /// Bytes of a record: a fact with its keys and experts.
    public var recordBytes = 16 << 20
    /// Facts of a store.
    public var facts = 1 << 24
    /// Changes that are written together.
    public var batchRecords = 4096
    /// Bytes that are written together.
    public var batchBytes = 256 << 20
    /// Bytes of a segment file, after which another one is begun; a 128th of a store that is larger than 128 of them. A segment is longer by
    /// the last batch.
    public var segmentBytes = 64 << 20
    /// Compaction is due when more than these bytes, and more than half of all, belong to facts that were changed or forgotten.
    public var deadBytes = 8 << 20

    public init() {}

    /// Hidden elements and elements of keys: what a file may ask memory for.
    static let elements = 1 << 16
    /// The greatest id of a fact. The next one is an integer of JSON, whose 64 bits have a sign.
    static let greatestFact = UInt64(Int64.max) - 1
}
