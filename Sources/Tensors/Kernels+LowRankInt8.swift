internal import CKernels

extension Kernels {
    /// A matrix `[outputs, inputs]` of a low-rank adapter in int8, with a scale for each 32 inputs of an output. Borrowed: it
    /// does not own the memory (64-byte aligned, `byteCount`).
    public struct Int8Matrix {
        let matrix: ck_int8_matrix

        /// A matrix A: what `lowRankShrink` reads. `outputs` is the rank; up to 8 ranks are packed more closely. `factors`, one for
        /// each rank, are multiplied with what it gives.
        public static func shrinking(
            _ data: UnsafeRawPointer?, rank: Int, inputs: Int, factors: UnsafePointer<Float>? = nil
        ) -> Int8Matrix {
            Int8Matrix(data, outputs: rank, inputs: inputs, lanes: rank <= 4 ? 4 : rank <= 8 ? 8 : 16, factors: factors)
        }

        /// A matrix B: what `lowRankExpand` reads; with `factors`, one for each output.
        public static func expanding(
            _ data: UnsafeRawPointer?, outputs: Int, rank: Int, factors: UnsafePointer<Float>? = nil
        ) -> Int8Matrix {
            Int8Matrix(data, outputs: outputs, inputs: rank, lanes: 16, factors: factors)
        }

        private init(_ data: UnsafeRawPointer?, outputs: Int, inputs: Int, lanes: Int, factors: UnsafePointer<Float>?) {
            matrix = ck_int8_matrix(
                data: data?.assumingMemoryBound(to: UInt8.self), outputs: outputs, inputs: inputs, lanes: lanes, factors: factors)
        }

        public var byteCount: Int { withUnsafePointer(to: matrix) { ck_int8_bytes($0) } }
    }

    /// `h[row] = scale * A x[row]`, quantised; h has `ceil(rank / 32)` blocks from `block` on. A row's bits do not depend on
    /// `rows`. `next` is the matrix that is multiplied next: it is fetched on the way.
    public static func lowRankShrink(
        _ x: QuantizedRows.View, rows: Range<Int>, a: Int8Matrix, next: UnsafeRawPointer?, scale: Float,
        into h: QuantizedRows.View, block: Int
    ) {
        withUnsafePointer(to: a.matrix) {
            table.pointee.low_rank_int8.shrink(
                x.blocks + rows.lowerBound * x.blocksPerRow, x.blocksPerRow, nil, rows.count, $0,
                next?.assumingMemoryBound(to: UInt8.self), scale,
                h.blocks + rows.lowerBound * h.blocksPerRow + block, h.blocksPerRow, nil)
        }
    }

    /// The same for rows that are listed: from row `rows[i]` of x to row `targets[i]` of h, which are all different.
    public static func lowRankShrink(
        _ x: QuantizedRows.View, rows: UnsafePointer<Int32>, count: Int, a: Int8Matrix, next: UnsafeRawPointer?, scale: Float,
        into h: QuantizedRows.View, rows targets: UnsafePointer<Int32>, block: Int
    ) {
        withUnsafePointer(to: a.matrix) {
            table.pointee.low_rank_int8.shrink(
                x.blocks, x.blocksPerRow, rows, count, $0, next?.assumingMemoryBound(to: UInt8.self), scale, h.blocks + block,
                h.blocksPerRow, targets)
        }
    }

    /// `y[row, o] += (B h[row])[o]` for o in `outputs`, which begins at a multiple of 16 and ends at one or at the last; y points
    /// to output 0 of row 0 of `h`.
    public static func lowRankExpand(
        _ h: QuantizedRows.View, rows: Range<Int>, block: Int, b: Int8Matrix, next: UnsafeRawPointer?,
        outputs: Range<Int>, into y: UnsafeMutablePointer<Float>, outputStride: Int
    ) {
        withUnsafePointer(to: b.matrix) {
            table.pointee.low_rank_int8.expand(
                h.blocks + rows.lowerBound * h.blocksPerRow + block, h.blocksPerRow, nil, rows.count, $0,
                next?.assumingMemoryBound(to: UInt8.self), outputs.lowerBound,
                outputs.upperBound, y + rows.lowerBound * outputStride, outputStride, nil)
        }
    }

    /// The same for rows that are listed: from row `rows[i]` of h to row `targets[i]` of y, or the i-th without a list; they are
    /// all different.
    public static func lowRankExpand(
        _ h: QuantizedRows.View, rows: UnsafePointer<Int32>, count: Int, block: Int, b: Int8Matrix, next: UnsafeRawPointer?,
        outputs: Range<Int>, into y: UnsafeMutablePointer<Float>, rows targets: UnsafePointer<Int32>?, outputStride: Int
    ) {
        withUnsafePointer(to: b.matrix) {
            table.pointee.low_rank_int8.expand(
                h.blocks + block, h.blocksPerRow, rows, count, $0, next?.assumingMemoryBound(to: UInt8.self), outputs.lowerBound,
                outputs.upperBound, y, outputStride, targets)
        }
    }
}
