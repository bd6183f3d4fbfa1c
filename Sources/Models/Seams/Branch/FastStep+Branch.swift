internal import Tensors

/// Branches read the feed-forward's input in its first row phase, and add to its output where that is made.
extension FastStep {
    /// `h = scale * (A x + offsets)` of this thread's rows of a band.
    func shrinkBranch(_ branch: UnsafePointer<BranchEntry>, _ own: Range<Int>) {
        let stride = plan.branchRank
        branch.pointee.shrink(
            inputs.normed + own.lowerBound * hidden, rows: own.count, inputs: hidden,
            into: inputs.branchShrunk + own.lowerBound * stride, stride: stride)
    }

    /// `y += B h` for this thread's slice of the outputs and a band's rows.
    func expandBranch(
        _ branch: UnsafePointer<BranchEntry>, _ band: RowPlan.Band, _ outputs: Range<Int>, into y: UnsafeMutablePointer<Float>
    ) {
        let stride = plan.branchRank
        branch.pointee.patch.expand(
            inputs.branchShrunk + band.firstRow * stride, stride: stride, rows: band.rows, outputs: outputs, width: hidden,
            into: y + band.firstRow * hidden)
    }
}
