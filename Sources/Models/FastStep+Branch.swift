internal import Tensors

/// The residual seam: low-rank maps beside the feed-forward. They read its input in its first row phase, and add to its output
/// where that is made.
extension FastStep {
    /// `h = scale * A x` of this thread's rows.
    func shrinkBranches(_ layer: Int) {
        let stride = plan.largestBranchRank
        for index in 0..<plan.segmentCount {
            let segment = plan.segments[index]
            guard let branches = segment.branches else { continue }
            let own = inputSlice.clamped(to: segment.firstRow..<segment.firstRow + segment.rows)
            if own.isEmpty { continue }
            branches[layer].shrink(
                inputs.normed + own.lowerBound * hidden, rows: own.count, inputs: hidden,
                into: inputs.branchShrunk + own.lowerBound * stride, stride: stride)
        }
    }

    /// `projected += B h`, this thread's slice of the outputs.
    func expandBranches(_ layer: Int) {
        let (stride, outputs) = (plan.largestBranchRank, outputSlice(hidden))
        if outputs.isEmpty { return }
        for index in 0..<plan.segmentCount {
            let segment = plan.segments[index]
            guard let branches = segment.branches else { continue }
            branches[layer].expand(
                inputs.branchShrunk + segment.firstRow * stride, stride: stride, rows: segment.rows, outputs: outputs,
                width: hidden, into: scratch.projected + segment.firstRow * hidden)
        }
    }
}
