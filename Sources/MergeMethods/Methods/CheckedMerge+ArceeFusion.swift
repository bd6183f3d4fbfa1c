internal import Glibc
internal import Tensors

/// Arcee Fusion: takes over the elements whose change matters much, by the change times the divergence of its row.
extension CheckedMerge {
    /// The threshold is `median + 1.5 * (third quartile - first quartile)` of all elements. mergekit reckons divergences in f32, and takes
    /// quartiles of a random million where a tensor has more elements; here the divergences are f64 and the quartiles exact.
    func arceeFusion(_ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        let divergences = UnsafeMutablePointer<Float>.allocate(capacity: pass.layout.rows)
        defer { divergences.deallocate() }
        try pass.run(buffers: 2) { block throws(MergeError) in
            try read(block)
            for (index, row) in block.rows.enumerated() {
                let first = index * block.columns
                divergences[row] = Self.divergence(block.buffers[0] + first, block.buffers[1] + first, count: block.columns)
            }
        }
        let threshold = try threshold(pass, divergences)
        try pass.run(buffers: 3) { block throws(MergeError) in
            try read(block)
            let (other, base, importance) = (block.buffers[0], block.buffers[1], block.buffers[2])
            Self.importance(block, divergences, into: importance)
            for index in 0..<block.count {
                other[index] = base[index] + (other[index] - base[index]) * (importance[index] >= threshold ? 1 : 0)
            }
            try output(block.rows, other)
        }
    }

    private func threshold(_ pass: MergePass, _ divergences: UnsafePointer<Float>) throws(MergeError) -> Float {
        let ranks = try MagnitudeRanks(streams: 1, buffers: 2, pass: pass) { block throws(MergeError) in
            try read(block)
            Self.importance(block, divergences, into: block.buffers[0])
        }
        let last = pass.layout.elements - 1
        let quartiles = try ranks.ranks([[0.25, 0.5, 0.75].map { Int($0 * Double(last)) }])[0].map(\.value)
        return quartiles[1] + 1.5 * (quartiles[2] - quartiles[0])
    }

    /// `|other - base|` times the row's divergence.
    private static func importance(_ block: MergeBlock, _ divergences: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>) {
        for (index, row) in block.rows.enumerated() {
            let divergence = divergences[row]
            for place in index * block.columns..<(index + 1) * block.columns {
                target[place] = abs(block.buffers[0][place] - block.buffers[1][place]) * divergence
            }
        }
    }

    /// Kullback-Leibler divergence of the softmax of a row from that of the base's, each probability plus 1e-8.
    private static func divergence(_ other: UnsafePointer<Float>, _ base: UnsafePointer<Float>, count: Int) -> Float {
        let (others, bases) = (Softmax(other, count: count), Softmax(base, count: count))
        var sum = 0.0
        for index in 0..<count {
            let (p, q) = (others.probability(other[index]) + 1e-8, bases.probability(base[index]) + 1e-8)
            sum += p * log(p / q)
        }
        // It is never negative but for rounding.
        return Float(max(0, sum))
    }
}

private struct Softmax {
    private let greatest: Double
    private let sum: Double

    init(_ row: UnsafePointer<Float>, count: Int) {
        var greatest = -Float.infinity
        for index in 0..<count { greatest = max(greatest, row[index]) }
        self.greatest = Double(greatest)
        var sum = 0.0
        for index in 0..<count { sum += exp(Double(row[index]) - Double(greatest)) }
        self.sum = sum
    }

    func probability(_ value: Float) -> Double { exp(Double(value) - greatest) / sum }
}
