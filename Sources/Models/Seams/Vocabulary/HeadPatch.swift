/// A change of the vocabulary projection:
///
///     logits = outputScale * (H h + scale * B (A h)) + bias,   then logits[token] = row[token] h for tokens with a row of their own
///
/// H is `matrix`, or else the base's. Every part is optional. `matrix` is PEFT's `modules_to_save`, `rows` trainable tokens (of a tied
/// head, or of `lm_head` itself), `linear` LoRA and DoRA of `lm_head`.
public struct HeadPatch: Sendable {
    public var matrix: VocabularyMatrix?
    public var rows: TokenRows?
    /// Without an input scale.
    public var linear: LinearPatch

    public init(matrix: VocabularyMatrix? = nil, rows: TokenRows? = nil, linear: LinearPatch = LinearPatch()) {
        precondition(linear.inputScale == nil, "a head's patch has an input scale")
        self.matrix = matrix
        self.rows = rows
        self.linear = linear
    }

    /// The head is the base's.
    public var isEmpty: Bool { matrix == nil && rows == nil && linear.isEmpty }

    /// Bytes of all parts.
    public var byteCount: Int { (matrix?.byteCount ?? 0) + (rows?.byteCount ?? 0) + linear.byteCount }

    /// The sizes that its parts require.
    var shapes: [VocabularyShape] {
        [
            matrix.map { VocabularyShape(vocabulary: $0.rows, hidden: $0.columns) }, rows?.shape,
            linear.lowRank.map { VocabularyShape(vocabulary: $0.outputs, hidden: $0.inputs) },
            linear.outputScale.map { VocabularyShape(vocabulary: $0.count) }, linear.bias.map { VocabularyShape(vocabulary: $0.count) },
        ].compactMap { $0 }
    }
}

/// A `HeadPatch` as plain values for inner loops. Borrowed from the `AdapterDelta` that holds it.
struct HeadEntry {
    let matrix: VocabularyMatrix.View?
    let rows: TokenRows.View?
    let linear: PatchEntry

    init(_ patch: HeadPatch) {
        matrix = patch.matrix?.view
        rows = patch.rows?.view
        linear = PatchEntry(patch.linear)
    }
}
