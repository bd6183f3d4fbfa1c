/// What an adapter does to the embedding and to the vocabulary projection.
///
/// `@unchecked Sendable`: the entries are filled in `init` and only read after. They point into buffers that the patches keep alive.
final class VocabularyPart: SeamPart, @unchecked Sendable {
    /// Nil: the base's.
    let embedding: EmbeddingPatch?
    let head: HeadPatch?
    /// The same for inner loops.
    let embeddingEntry: UnsafePointer<EmbeddingEntry>?
    let headEntry: UnsafePointer<HeadEntry>?
    let byteCount: Int
    let hasInt8: Bool
    var isLowRank: Bool { false }
    /// What the patches are made for; nil where they differ.
    private let shape: VocabularyShape?

    /// Nil: both are empty.
    init?(embedding: EmbeddingPatch?, head: HeadPatch?) {
        let embedding = embedding?.isEmpty == false ? embedding : nil
        let head = head?.isEmpty == false ? head : nil
        guard embedding != nil || head != nil else { return nil }
        (self.embedding, self.head) = (embedding, head)
        embeddingEntry = embedding.map { .holding(EmbeddingEntry($0)) }
        headEntry = head.map { .holding(HeadEntry($0)) }
        // A table or rows that are also the head's count once.
        let table = embedding?.table
        let shared =
            (table === head?.matrix ? table?.byteCount ?? 0 : 0)
            + (embedding?.rows === head?.rows ? embedding?.rows?.byteCount ?? 0 : 0)
        byteCount = (embedding?.byteCount ?? 0) + (head?.byteCount ?? 0) - shared
        hasInt8 = head?.linear.lowRank?.element == .int8 || table?.isPacked == true || head?.matrix?.isPacked == true
        shape = ((embedding?.shapes ?? []) + (head?.shapes ?? [])).reduce(Optional(VocabularyShape())) { $0?.joined($1) }
    }

    deinit {
        embeddingEntry?.deallocate()
        headEntry?.deallocate()
    }

    /// Tokens of its own table and head, where it has them; nil: the base's.
    var tokens: Int? { embedding?.table?.rows ?? head?.matrix?.rows }

    /// An enlarged vocabulary has rows in both modules: each token that can be drawn has an embedding.
    private func isWhole(_ configuration: DecoderConfiguration) -> Bool {
        let sizes = ((embedding?.shapes ?? []) + (head?.shapes ?? [])).compactMap(\.vocabulary)
        guard let own = sizes.max(), own > configuration.vocabulary else { return true }
        return sizes.allSatisfy { $0 == own } && embedding?.table != nil && head?.matrix != nil
    }

    func fits(_ configuration: DecoderConfiguration) -> Bool { shape?.fits(configuration) == true && isWhole(configuration) }

    func validate(for configuration: DecoderConfiguration) throws(ModelError) {
        guard isWhole(configuration) else {
            throw .wrongShape(
                head == nil ? "embed_tokens" : "lm_head", found: [(head?.matrix ?? embedding?.table)?.rows ?? configuration.vocabulary, configuration.hidden],
                expected: [(head == nil ? nil : embedding?.table?.rows) ?? configuration.vocabulary, configuration.hidden])
        }
        for (module, shapes) in [("embed_tokens", embedding?.shapes), ("lm_head", head?.shapes)] {
            for var shape in shapes ?? [] {
                shape.vocabulary = shape.vocabulary ?? tokens
                try shape.validate(module, for: configuration)
            }
        }
    }
}

extension UnsafePointer {
    /// Memory for one value, which it holds.
    fileprivate static func holding(_ value: Pointee) -> UnsafePointer {
        let pointer = UnsafeMutablePointer<Pointee>.allocate(capacity: 1)
        pointer.initialize(to: value)
        return UnsafePointer(pointer)
    }
}

/// The most that changes of embedding and head need in a plan.
struct VocabularyExtent {
    /// Some segment changes the embedding, or the head.
    private(set) var patchesEmbedding = false
    private(set) var patchesHead = false
    /// The greatest rank of a segment's head.
    private(set) var headRank = 0

    mutating func clear() { (patchesEmbedding, patchesHead, headRank) = (false, false, 0) }

    mutating func include(_ part: VocabularyPart) {
        patchesEmbedding = patchesEmbedding || part.embeddingEntry != nil
        patchesHead = patchesHead || part.headEntry != nil
        headRank = max(headRank, part.headEntry?.pointee.linear.rank ?? 0)
    }
}
