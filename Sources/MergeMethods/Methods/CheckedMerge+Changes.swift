internal import Tensors

/// The methods that add weighted changes to a base: task arithmetic (Ilharco et al. 2023) and what prunes the changes first or lets them
/// vote on signs.
extension CheckedMerge {
    /// `base + lambda * (sum of weight * prune(source - base)) / divisor`
    func changes(of method: MergeMethod, _ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        guard let base else { preconditionFailure("\(method) has a base") }
        guard !sources.isEmpty else { return try copy(base, pass, output) }
        let pruning = try Pruning(self, method, pass)
        let weights = sources.map { Float($0.number("weight")) }
        let rule = rule(method, weights)
        try pass.run(buffers: readBuffers) { block throws(MergeError) in
            try readChanges(block)
            pruning.prune(block)
            let base = block.buffers[sources.count]
            Kernels.vote(
                block.inputs, weights: weights, changeCount: weights.count, rule: rule, base: base, count: block.count, into: base)
            try output(block.rows, base)
        }
    }

    private func rule(_ method: MergeMethod, _ weights: [Float]) -> Kernels.MergeRule {
        var rule = Kernels.MergeRule(vote: .everyone, factor: Float(number("lambda")))
        switch method {
        case .ties, .dareTies, .breadcrumbsTies, .della: rule.vote = .weighted
        default: break
        }
        guard flag("normalize") else { return rule }
        if rule.vote == .weighted {
            rule.divisor = .weights
        } else {
            let sum = TorchSum.of(weights)
            rule.divisor = .constant(abs(sum) < 1e-8 ? 1 : sum)
        }
        return rule
    }
}
