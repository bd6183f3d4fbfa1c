internal import MergeMethods
internal import Tensors

/// A sum of products of low rank in fewer ranks, without the matrix that it stands for: with orthonormal bases of all columns of B and of all
/// rows of A, `sum of B_i A_i = Q_B C Q_A`, where C has as many rows and columns as there are ranks. The best approximation of C is that of
/// the sum (Eckart and Young 1936).
enum LowRankSum {
    /// - Parameter pair: the terms, stacked. Errors: `nonFinite`, `limitExceeded`. Cost: `O(rank² * (inputs + outputs) + rank³)`, in f64.
    static func fit(_ pair: LowRankPair, _ size: LoRASize, module: String) throws(MergeError) -> FittedPair {
        guard pair.isFinite else { throw MergeError(.nonFinite, "the merged change has an element that is not finite", tensor: module) }
        do throws(FactorisationError) {
            let outer = try OrthogonalBasis(pair.b.map { Double($0) }, count: pair.rank, length: pair.outputs)
            let inner = try OrthogonalBasis(pair.a.map { Double($0) }, count: pair.rank, length: pair.inputs)
            let core = BLAS.product(
                transposed(outer.coordinates, rows: pair.rank), inner.coordinates, rows: outer.rank, inner: pair.rank, columns: inner.rank)
            let parts = try SingularValues(core, rows: outer.rank, columns: inner.rank)
            let square = parts.values.reduce(0) { $0 + $1 * $1 }
            let count = size.count(parts.values, square: square)
            let left = transposed(parts.left, rows: outer.rank)
            var fitted = FittedPair(
                parts.values, count: count,
                left: BLAS.product(left, outer.basis, rows: parts.values.count, inner: outer.rank, columns: pair.outputs),
                right: BLAS.product(parts.right, inner.basis, rows: parts.values.count, inner: inner.rank, columns: pair.inputs),
                outputs: pair.outputs, inputs: pair.inputs, square: square)
            // The sum of the values that are left out: no difference of large numbers.
            fitted.error = parts.values.dropFirst(count).reduce(0) { $0 + $1 * $1 }.squareRoot()
            return fitted
        } catch {
            throw MergeError(.limitExceeded, error.message, tensor: module)
        }
    }

    /// The Frobenius norm of the sum. Cost: as `fit`.
    static func norm(_ pair: LowRankPair, module: String) throws(MergeError) -> Double {
        try fit(pair, .rank(1), module: module).norm
    }

    private static func transposed(_ x: [Double], rows: Int) -> [Double] {
        let columns = x.count / rows
        return [Double](unsafeUninitializedCapacity: x.count) { buffer, count in
            for row in 0..<rows {
                for column in 0..<columns { buffer[column * rows + row] = x[row * columns + column] }
            }
            count = x.count
        }
    }
}
