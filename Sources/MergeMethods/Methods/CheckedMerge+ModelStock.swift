internal import Tensors

/// Model Stock (Jang et al. 2024): between the base and the average of the others, the nearer to the average the more alike their changes.
extension CheckedMerge {
    func modelStock(_ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        if flag("filter_wise") { return try modelStockByRow(pass, output) }
        let gram = try GramMatrix(count: sources.count, buffers: readBuffers, pass: pass, read: readChanges)
        let share = Self.share(gram)
        try pass.run(buffers: readBuffers) { block throws(MergeError) in
            try read(block)
            average(block, first: 0, count: block.count, share: share)
            try output(block.rows, block.buffers[0])
        }
    }

    /// Each row by its own changes.
    private func modelStockByRow(_ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        let changes = readBuffers
        try pass.run(buffers: readBuffers + sources.count) { block throws(MergeError) in
            try read(block)
            for index in sources.indices {
                block.buffers[changes + index].update(from: block.buffers[index], count: block.count)
                Kernels.subtract(block.buffers[sources.count], from: block.buffers[changes + index], count: block.count)
            }
            withUnsafeTemporaryAllocation(of: Double.self, capacity: Kernels.sumLanes) { lanes in
                guard let start = lanes.baseAddress else { return }
                for first in stride(from: 0, to: block.count, by: block.columns) {
                    let gram = GramMatrix(count: sources.count) { one, two in
                        lanes.initialize(repeating: 0)
                        Kernels.addDots(
                            block.buffers[changes + one] + first, block.buffers[changes + two] + first, first: 0, count: block.columns, to: start)
                        return SegmentSums.sum(start)
                    }
                    average(block, first: first, count: block.columns, share: Self.share(gram))
                }
            }
            try output(block.rows, block.buffers[0])
        }
    }

    /// Of the average, by the mean cosine of the pairs of changes.
    private static func share(_ gram: GramMatrix) -> Float {
        let pairs = GramMatrix.pairs(gram.count).filter { $0 != $1 }
        let cosines = pairs.map { one, two in min(max(gram[one, two] / max(gram.norm(one) * gram.norm(two), 1e-6), -1), 1) }
        let cosine = cosines.reduce(0, +) / Double(cosines.count)
        let count = Double(gram.count)
        let divisor = 1 + (count - 1) * cosine
        // Changes that cancel each other: the base stays.
        return abs(divisor) < 1e-6 ? 0 : Float(count * cosine / divisor)
    }

    private func average(_ block: MergeBlock, first: Int, count: Int, share: Float) {
        let (result, base, number) = (block.buffers[0], block.buffers[sources.count], Float(sources.count))
        for index in 1..<sources.count { Kernels.add(block.buffers[index] + first, to: result + first, count: count) }
        for place in first..<first + count { result[place] = share * (result[place] / number) + (1 - share) * base[place] }
    }
}
