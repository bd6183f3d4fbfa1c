internal import Glibc
internal import Tensors

/// Interpolation between two sources on a sphere (Shoemake 1985).
extension CheckedMerge {
    /// From the base at `t` 0 to the other source at 1, the whole tensor being one vector; linear where the two are (nearly) parallel.
    func slerp(_ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        let gram = try GramMatrix(count: 2, buffers: 2, pass: pass, read: read)
        let norms = (0..<2).map { gram.norm($0) > 1e-8 ? gram.norm($0) : 1 }
        let cosine = min(max(gram[0, 1] / norms[0] / norms[1], -1), 1)
        let t = Float(number("t"))
        var (ofBase, ofOther) = (1 - t, t)
        if abs(cosine) <= 0.9995 {
            let angle = acos(cosine)
            ofBase = Float(sin((1 - Double(t)) * angle) / sin(angle))
            ofOther = Float(sin(Double(t) * angle) / sin(angle))
        }
        try pass.run(buffers: 2) { block throws(MergeError) in
            try read(block)
            let (other, base) = (block.buffers[0], block.buffers[1])
            for index in 0..<block.count { other[index] = ofBase * base[index] + ofOther * other[index] }
            try output(block.rows, other)
        }
    }

    /// Between two sources, or their changes of a base, by their weights: as whole tensors (`nuslerp_flatten`), row by row, or along the
    /// first dimension (`nuslerp_row_wise`).
    func nuslerp(_ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        let weights = sources.map { $0.number("weight") }
        let sum = weights[0] + weights[1]
        let t = abs(sum) < 1e-6 ? 0.5 : weights[1] / sum
        if flag("nuslerp_flatten") {
            let gram = try GramMatrix(count: 2, buffers: readBuffers, pass: pass, read: readChanges)
            let arc = Arc(gram[0, 0], gram[0, 1], gram[1, 1], t: t)
            try pass.run(buffers: readBuffers) { block throws(MergeError) in
                try readChanges(block)
                interpolate(block, first: 0, count: block.count) { _ in arc }
                try output(block.rows, block.buffers[0])
            }
        } else if flag("nuslerp_row_wise"), shape.count > 1 {
            try alongFirstDimension(pass, t: t, output)
        } else {
            try pass.run(buffers: readBuffers) { block throws(MergeError) in
                try readChanges(block)
                for row in 0..<block.rows.count {
                    let first = row * block.columns
                    let arc = Arc(
                        Self.dot(block, 0, 0, first), Self.dot(block, 0, 1, first), Self.dot(block, 1, 1, first), t: t)
                    interpolate(block, first: first, count: block.columns) { _ in arc }
                }
                try output(block.rows, block.buffers[0])
            }
        }
    }

    /// The vectors are those of the elements that differ in the first index only. Their figures are kept for as many columns of a slab as
    /// have a bound; a matrix is one slab.
    private func alongFirstDimension(_ pass: MergePass, t: Double, _ output: MergeOutput) throws(MergeError) {
        // Rows of the tensor are [shape[0], inner]; a slab is some of the inner rows, of each outer one.
        let columns = pass.layout.columns
        let inner = pass.layout.rows / shape[0]
        let slabRows = min(inner, max(1, Self.mostFigures / columns))
        for start in stride(from: 0, to: inner, by: slabRows) {
            let rows = min(inner - start, slabRows)
            let slab = Slab(
                pass: MergePass(
                    layout: MergeLayout(rows: shape[0], columns: rows * columns, pass.granularity), granularity: pass.granularity,
                    pool: pass.pool, tensor: tensor), rows: rows, stride: inner, start: start)
            let sums = ColumnSums(columns: rows * columns, pass: slab.pass)
            try slab.pass.run(buffers: readBuffers) { block throws(MergeError) in
                try readChanges(block, slab)
                sums.add(block)
            }
            let arcs = (0..<rows * columns).map { Arc(sums.total(0, $0), sums.total(1, $0), sums.total(2, $0), t: t) }
            try slab.pass.run(buffers: readBuffers) { block throws(MergeError) in
                try readChanges(block, slab)
                for row in 0..<block.rows.count { interpolate(block, first: row * block.columns, count: block.columns) { arcs[$0] } }
                for (rows, offset) in slab.rows(of: block) { try output(rows, block.buffers[0] + offset * columns) }
            }
        }
    }

    /// Columns whose figures are in memory at once, about.
    private static let mostFigures = 1 << 16

    private struct Slab {
        /// Its rows are those of the first dimension.
        let pass: MergePass
        /// Rows of the tensor in each of them, from `start` of every `stride`.
        let rows: Int
        let stride: Int
        let start: Int

        /// Those of the tensor, and where they begin in the block; in one piece where the slab is the whole.
        func rows(of block: MergeBlock) -> [(Range<Int>, Int)] {
            if rows == stride { return [(block.rows.lowerBound * rows..<block.rows.upperBound * rows, 0)] }
            return block.rows.enumerated().map { index, row in (row * stride + start..<row * stride + start + rows, index * rows) }
        }
    }

    private func readChanges(_ block: MergeBlock, _ slab: Slab) throws(MergeError) {
        let columns = block.columns / slab.rows
        for (rows, offset) in slab.rows(of: block) {
            for (index, source) in sources.enumerated() { try source.reader.read(rows, into: block.buffers[index] + offset * columns) }
            if let base { try base.reader.read(rows, into: block.buffers[sources.count] + offset * columns) }
        }
        guard let base = baseBuffer(block) else { return }
        for index in sources.indices { Kernels.subtract(base, from: block.buffers[index], count: block.count) }
    }

    private static func dot(_ block: MergeBlock, _ one: Int, _ two: Int, _ first: Int) -> Double {
        withUnsafeTemporaryAllocation(of: Double.self, capacity: Kernels.sumLanes) { lanes in
            lanes.initialize(repeating: 0)
            guard let start = lanes.baseAddress else { return 0 }
            Kernels.addDots(block.buffers[one] + first, block.buffers[two] + first, first: 0, count: block.columns, to: start)
            return SegmentSums.sum(start)
        }
    }

    /// Puts `base + arc` into the first buffer.
    private func interpolate(_ block: MergeBlock, first: Int, count: Int, _ arc: (Int) -> Arc) {
        let (one, two, base) = (block.buffers[0] + first, block.buffers[1] + first, baseBuffer(block).map { $0 + first })
        for index in 0..<count {
            let value = arc(index)(one[index], two[index])
            one[index] = base.map { $0[index] + value } ?? value
        }
    }
}

/// The way from one vector to another, over the sphere or (where they are parallel) straight.
private struct Arc {
    let ofOne: Float
    let ofTwo: Float
    /// 1 where the way is straight.
    let divisor: Float

    /// - Parameters: the products of the vectors with themselves and with each other.
    init(_ one: Double, _ both: Double, _ two: Double, t: Double) {
        let cosine = min(max(both / max(one.squareRoot(), 1e-7) / max(two.squareRoot(), 1e-7), -1), 1)
        // Parallel as far as f32 tells.
        if 1 - Float(cosine) * Float(cosine) <= 1e-16 {
            (ofOne, ofTwo, divisor) = (Float(1 - t), Float(t), 1)
        } else {
            let angle = acos(cosine)
            (ofOne, ofTwo, divisor) = (Float(sin((1 - t) * angle)), Float(sin(t * angle)), Float(sin(angle)))
        }
    }

    func callAsFunction(_ one: Float, _ two: Float) -> Float {
        let sum = ofOne * one + ofTwo * two
        return divisor == 1 ? sum : sum / divisor
    }
}
