extension ReferenceDecoder {
    /// `y += scale * B (A x + offsets)` for a band's rows, `[rows, hidden]`. x is the feed-forward's input, which is still in `normed`.
    func addBranch(_ branch: BranchEntry, _ band: RowPlan.Band, to y: UnsafeMutablePointer<Float>) {
        let hidden = configuration.hidden
        branch.shrink(
            normed.pointer + band.firstRow * hidden, rows: band.rows, inputs: hidden, into: shrunk.pointer, stride: branch.rank)
        branch.patch.expand(shrunk.pointer, stride: branch.rank, rows: band.rows, outputs: 0..<hidden, width: hidden, into: y)
    }
}
