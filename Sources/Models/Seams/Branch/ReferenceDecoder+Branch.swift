extension ReferenceDecoder {
    /// `y += scale * B (A x)` for a band's rows, `[rows, hidden]`. x is the feed-forward's input, which is still in `normed`.
    func addBranch(_ branch: PatchEntry, _ band: RowPlan.Band, to y: UnsafeMutablePointer<Float>) {
        let hidden = configuration.hidden
        add(branch, normed.pointer + band.firstRow * hidden, inputs: hidden, rows: band.rows, to: y, outputs: hidden)
    }
}
