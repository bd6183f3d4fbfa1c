/// Where a step writes its logits: rows of the vocabulary, `stride` elements apart.
struct LogitRows {
    let pointer: UnsafeMutablePointer<Float>
    let stride: Int

    /// Row 0 of the result is row `row` of this.
    func from(_ row: Int) -> LogitRows { LogitRows(pointer: pointer + row * stride, stride: stride) }
    func row(_ row: Int) -> UnsafeMutablePointer<Float> { pointer + row * stride }

    /// Moves rows that were written without gaps to their places.
    func spread(_ rows: Int, vocabulary: Int) {
        if stride == vocabulary { return }
        for row in (0..<rows).reversed() { self.row(row).update(from: pointer + row * vocabulary, count: vocabulary) }
    }
}
