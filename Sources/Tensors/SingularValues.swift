internal import COpenBLAS

/// `M = left * diag(values) * right`, the thin singular value decomposition of a matrix in f64, by OpenBLAS (divide and conquer).
public struct SingularValues: Sendable {
    public let rows: Int
    public let columns: Int
    /// From the greatest down; as many as the lesser of rows and columns.
    public let values: [Double]
    /// `[rows, values]`, row-major; columns are orthonormal.
    public let left: [Double]
    /// `[values, columns]`, row-major; rows are orthonormal.
    public let right: [Double]

    /// - Parameter matrix: `[rows, columns]`, row-major, finite. Errors: too many elements, no convergence. Cost: about
    ///   `20 * max * min²` for the greater and the lesser of the two sizes.
    public init(_ matrix: [Double], rows: Int, columns: Int) throws(FactorisationError) {
        try FactorisationError.check(rows, columns)
        precondition(matrix.count == rows * columns, "\(matrix.count) elements for a matrix of \(rows) by \(columns)")
        (self.rows, self.columns) = (rows, columns)
        let count = min(rows, columns)
        // Row-major M is column-major Mᵀ = rightᵀ diag(values) leftᵀ, and the results' transposes come row-major.
        var (m, n, k) = (Int32(columns), Int32(rows), Int32(count))
        var matrix = matrix
        var values = [Double](repeating: 0, count: count)
        var right = [Double](repeating: 0, count: columns * count)
        var left = [Double](repeating: 0, count: count * rows)
        var integers = [Int32](repeating: 0, count: 8 * count)
        try OrthogonalBasis.call("dgesdd") { work, size, info in
            dgesdd_("S", &m, &n, &matrix, &m, &values, &right, &m, &left, &k, work, &size, &integers, &info)
        }
        (self.values, self.left, self.right) = (values, left, right)
    }
}
