internal import CKernels

/// Products of matrices in bf16, two elements to a word of 32 bits. Sums are f32. Magnitudes below 2^-55 count as zero. The bits of an
/// element depend on its own row and column alone.
extension Kernels {
    /// The greatest depth of `matmulPairs`.
    public static let pairsDepth = Int(CK_PAIRS_DEPTH)

    /// As `matmul`: a is rounded here, the rows of b are in pairs of `PackedMatrix.View.unpackOutputPairs`, `wordStride` words from pair to
    /// pair. The depth is at most `pairsDepth`.
    public static func matmulPairs(
        _ a: UnsafePointer<Float>, aStride: Int, words: UnsafePointer<UInt32>, wordStride: Int, into c: UnsafeMutablePointer<Float>,
        cStride: Int, rows: Int, columns: Int, depth: Int, adds: Bool
    ) {
        precondition(depth <= pairsDepth, "a depth of \(depth), at most \(pairsDepth)")
        table.pointee.training.matmul_pairs(a, aStride, words, wordStride, c, cStride, rows, columns, depth, adds)
    }

    /// Words of a row of `pairsProduct` with that many columns: whole blocks of 32.
    public static func pairCount(columns: Int) -> Int { (columns + 31) / 32 * 16 }

    /// Rounds a row to bf16: `pairCount(columns)` words.
    public static func roundPairs(_ x: UnsafePointer<Float>, columns: Int, into words: UnsafeMutablePointer<UInt32>) {
        table.pointee.training.round_pairs(x, columns, pairCount(columns: columns), words)
    }

    /// `c = a b`: the rows of a are those of `roundPairs`, `aStride` words apart; those of b, in pairs, those of
    /// `PackedMatrix.View.unpackPairs`.
    public static func pairsProduct(
        _ a: UnsafePointer<UInt32>, aStride: Int, words: UnsafePointer<UInt32>, wordStride: Int, into c: UnsafeMutablePointer<Float>,
        cStride: Int, rows: Int, columns: Int, pairs: Int
    ) {
        table.pointee.training.pairs_product(a, aStride, words, wordStride, c, cStride, rows, columns, pairs)
    }

    /// Rounds to bf16.
    public static func round(_ x: UnsafePointer<Float>, count: Int, into y: UnsafeMutablePointer<UInt16>) {
        table.pointee.training.round_bfloats(x, count, y)
    }

    /// From bf16 to f32.
    public static func widen(_ x: UnsafePointer<UInt16>, count: Int, into y: UnsafeMutablePointer<Float>) {
        table.pointee.training.widen_bfloats(x, count, y)
    }
}

extension PackedMatrix.View {
    /// The weights of some outputs as bf16, for `Kernels.pairsProduct`: inputs in pairs, `[pairs, outputs]`, `wordStride` words from pair
    /// to pair, which has room for whole groups of 16 outputs. `outputs` begins at a multiple of 16.
    public func unpackPairs(_ outputs: Range<Int>, into words: UnsafeMutablePointer<UInt32>, wordStride: Int) {
        precondition(
            outputs.lowerBound >= 0 && outputs.upperBound <= self.outputs && outputs.lowerBound % 16 == 0
                && (outputs.count + 15) / 16 * 16 <= wordStride, "outputs \(outputs) of \(self.outputs) in rows of \(wordStride)")
        withUnsafePointer(to: weights) {
            Kernels.table.pointee.training.unpack_pairs($0, outputs.lowerBound, outputs.upperBound, words, wordStride)
        }
    }

    /// The weights of some outputs as bf16, for `Kernels.matmulPairs`: outputs in pairs, `[pairs, inputs]`, `wordStride` words from pair to
    /// pair, which has room for whole blocks of 32 inputs; whole groups of 16 outputs are written. `outputs` begins at a multiple of 16.
    public func unpackOutputPairs(_ outputs: Range<Int>, into words: UnsafeMutablePointer<UInt32>, wordStride: Int) {
        precondition(
            outputs.lowerBound >= 0 && outputs.upperBound <= self.outputs && outputs.lowerBound % 16 == 0
                && 32 * weights.blocks <= wordStride, "outputs \(outputs) of \(self.outputs) in rows of \(wordStride)")
        withUnsafePointer(to: weights) {
            Kernels.table.pointee.training.unpack_output_pairs($0, outputs.lowerBound, outputs.upperBound, words, wordStride)
        }
    }
}
