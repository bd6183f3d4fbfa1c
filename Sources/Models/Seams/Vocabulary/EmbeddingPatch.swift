public import Tensors

/// A change of the embedding of a token:
///
///     e = outputScale * (row[token] + scale * (A^T[token]) B^T)
///
/// The row is that of `rows` for the tokens in it, else that of `table`, else the base's. Every part is optional; the base's
/// `embeddingScale` is applied to the whole, as PEFT does. `table` is PEFT's `modules_to_save`, `rows` its trainable tokens,
/// `lowRank` LoRA of an embedding and `outputScale` DoRA of one.
public struct EmbeddingPatch: Sendable {
    public var table: VocabularyMatrix?
    public var rows: TokenRows?
    public var lowRank: EmbeddingLowRank?
    /// `[hidden]`
    public var outputScale: FloatBuffer?

    public init(
        table: VocabularyMatrix? = nil, rows: TokenRows? = nil, lowRank: EmbeddingLowRank? = nil, outputScale: FloatBuffer? = nil
    ) {
        self.table = table
        self.rows = rows
        self.lowRank = lowRank
        self.outputScale = outputScale
    }

    /// The embedding is the base's.
    public var isEmpty: Bool { table == nil && rows == nil && lowRank == nil && outputScale == nil }

    /// Bytes of all parts.
    public var byteCount: Int {
        (table?.byteCount ?? 0) + (rows?.byteCount ?? 0) + (lowRank?.byteCount ?? 0) + 4 * (outputScale?.count ?? 0)
    }

    /// The sizes that its parts require.
    var shapes: [VocabularyShape] {
        [
            table.map { VocabularyShape(vocabulary: $0.rows, hidden: $0.columns) }, rows?.shape,
            lowRank.map { VocabularyShape(vocabulary: $0.vocabulary, hidden: $0.hidden) },
            outputScale.map { VocabularyShape(hidden: $0.count) },
        ].compactMap { $0 }
    }
}

/// An `EmbeddingPatch` as plain values for inner loops. Borrowed from the `AdapterDelta` that holds it.
struct EmbeddingEntry {
    let table: VocabularyMatrix.View?
    let rows: TokenRows.View?
    let lowRank: EmbeddingLowRank.View?
    let outputScale: UnsafePointer<Float>?

    init(_ patch: EmbeddingPatch) {
        table = patch.table?.view
        rows = patch.rows?.view
        lowRank = patch.lowRank?.view
        outputScale = (patch.outputScale?.pointer).map { UnsafePointer($0) }
    }

    /// Writes the token's row before anything is added; false: the row is the base's, and nothing was written.
    func read(_ token: Int, into e: UnsafeMutablePointer<Float>) -> Bool {
        if let rows, let row = rows.row(of: token) {
            e.update(from: row, count: rows.columns)
            return true
        }
        guard let table else { return false }
        table.read(token, into: e)
        return true
    }

    /// Adds and scales after the row was written; e is `[hidden]`.
    func finish(_ token: Int, _ e: UnsafeMutablePointer<Float>, hidden: Int) {
        lowRank?.add(token, to: e)
        if let outputScale { Kernels.multiply(e, elementwise: outputScale, count: hidden) }
    }
}
