internal import Synchronization
internal import Tensors

/// SCE (Wan et al. 2024): select the elements where the changes differ most, calculate weights by their squares, erase minority signs.
extension CheckedMerge {
    func sce(_ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        guard let base else { preconditionFailure("sce has a base") }
        guard !sources.isEmpty else { return try copy(base, pass, output) }
        let selection = try Selection(self, pass)
        let weights = try squareWeights(selection, pass)
        let rule = Kernels.MergeRule(vote: .total, divisor: .weightsAtLeast(1e-6))
        try pass.run(buffers: readBuffers + 1) { block throws(MergeError) in
            try readChanges(block)
            selection.select(self, block)
            let base = block.buffers[sources.count]
            Kernels.vote(
                block.inputs, weights: weights, changeCount: weights.count, rule: rule, base: base, count: block.count, into: base)
            try output(block.rows, base)
        }
    }

    /// The mean squares of the selected changes, over their sum.
    private func squareWeights(_ selection: Selection, _ pass: MergePass) throws(MergeError) -> [Float] {
        let sums = SegmentSums(figures: sources.count, pass: pass)
        try pass.run(buffers: readBuffers + 1) { block throws(MergeError) in
            try readChanges(block)
            selection.select(self, block)
            sums.add(block) { lanes in
                for index in sources.indices {
                    Kernels.addDots(block.buffers[index], block.buffers[index], first: block.first, count: block.count, to: lanes(index))
                }
            }
        }
        let squares = sources.indices.map { Float(sums.total($0) / Double(pass.layout.elements)) }
        let sum = TorchSum.of(squares)
        return sum < 1e-6 ? squares.map { _ in 1 / Float(squares.count) } : squares.map { $0 / sum }
    }
}

/// The elements whose variance over the sources is greatest, or all.
private final class Selection {
    private enum Kind {
        case all, none
        case range(Kernels.MagnitudeRange, before: [Int])
    }

    private var kind: Kind
    /// Of each thread in its segment.
    private let ranges: UnsafeMutablePointer<Kernels.MagnitudeRange>

    init(_ merge: CheckedMerge, _ pass: MergePass) throws(MergeError) {
        ranges = .allocate(capacity: pass.threads)
        ranges.initialize(repeating: .init(), count: pass.threads)
        let share = merge.number("select_topk")
        kind = share < 1 ? .none : .all
        if share > 0, share < 1 { kind = try Self.most(Float(share), merge, pass) }
    }

    deinit { ranges.deallocate() }

    /// A share of those whose variance is not zero.
    private static func most(_ share: Float, _ merge: CheckedMerge, _ pass: MergePass) throws(MergeError) -> Kind {
        let zeros = Mutex([Int](repeating: 0, count: pass.layout.segments))
        let ranks = try MagnitudeRanks(streams: 1, buffers: merge.readBuffers, pass: pass) { block throws(MergeError) in
            try merge.readChanges(block)
            let variances = block.buffers[0]
            Kernels.variance(block.inputs, sourceCount: merge.sources.count, count: block.count, into: variances)
            let found = (0..<block.count).count { variances[$0] == 0 }
            zeros.withLock { $0[block.segment] = (block.isFirst ? 0 : $0[block.segment]) + found }
        }
        let others = pass.layout.elements - zeros.withLock { $0.reduce(0, +) }
        // mergekit multiplies in f32.
        let count = Int(Float(others) * share)
        guard count > 0, let rank = try ranks.ranks([[pass.layout.elements - count]]).first?.first else { return .none }
        var range = Kernels.MagnitudeRange()
        range.low = rank.bits
        range.lowTo = rank.below + rank.equal - (pass.layout.elements - count)
        return .range(range, before: rank.equalBefore)
    }

    /// Sets the other elements of the changes in the first buffers to zero. Uses the buffer after those that are read.
    func select(_ merge: CheckedMerge, _ block: MergeBlock) {
        switch kind {
        case .all: return
        case .none: for index in merge.sources.indices { block.buffers[index].update(repeating: 0, count: block.count) }
        case .range(var range, let before):
            let variances = block.buffers[merge.readBuffers]
            Kernels.variance(block.inputs, sourceCount: merge.sources.count, count: block.count, into: variances)
            let place = ranges + block.thread
            if block.isFirst {
                range.lowSeen = before[block.segment]
                place.pointee = range
            }
            Kernels.keep(&place.pointee, of: variances, count: block.count)
            for index in merge.sources.indices {
                let change = block.buffers[index]
                for place in 0..<block.count { change[place] *= variances[place] > 0 ? 1 : 0 }
            }
        }
    }
}
