internal import Tensors

/// The residual seam: low-rank maps beside the feed-forward. They read its input in its first row phase, and add to its output
/// where that is made.
extension FastStep {
    /// `h = scale * A x` of this thread's rows.
    func shrinkBranches(_ layer: Int) {
        let stride = plan.largestBranchRank
        for index in 0..<plan.spanCount {
            let span = plan.spans[index]
            guard let branches = span.branches else { continue }
            let own = inputSlice.clamped(to: span.rowRange)
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
        for index in 0..<plan.spanCount {
            let span = plan.spans[index]
            guard let branches = span.branches else { continue }
            branches[layer].expand(
                inputs.branchShrunk + span.firstRow * stride, stride: stride, rows: span.rows, outputs: outputs,
                width: hidden, into: scratch.projected + span.firstRow * hidden)
        }
    }
}
