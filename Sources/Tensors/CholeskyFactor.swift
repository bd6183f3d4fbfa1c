internal import COpenBLAS

/// A symmetric positive definite matrix as `L Lᵀ`, in f64, to solve systems with it. By OpenBLAS.
public struct CholeskyFactor: Sendable {
    public let order: Int
    /// `[order, order]`, row-major; values above the diagonal have no meaning.
    private let lower: [Double]

    /// - Parameter lower: `[order, order]`, row-major; the lower triangle is read. Nil when the matrix is not positive
    ///   definite. Cost: `order³ / 3` multiply-adds.
    public init?(_ lower: consuming [Double], order: Int) {
        precondition(lower.count == order * order, "\(lower.count) elements for a matrix of order \(order)")
        var factor = lower
        var (size, info) = (Int32(order), Int32(0))
        // Row-major lower is column-major upper.
        dpotrf_("U", &size, &factor, &size, &info)
        guard info == 0, order > 0 else { return nil }
        self.order = order
        self.lower = factor
    }

    /// `x = (L Lᵀ)⁻¹ x` for the columns of `[order, columns]`, row-major.
    public func solve(_ x: inout [Double], columns: Int) {
        halfSolve(&x, columns: columns)
        triangular(&x, columns, transposed: true)
    }

    /// `x = L⁻¹ x`: products of two such columns are products with the inverse between them.
    public func halfSolve(_ x: inout [Double], columns: Int) { triangular(&x, columns, transposed: false) }

    /// `x = L⁻ᵀ x`: a direction among what `halfSolve` gives, as one among what it was given.
    public func transposedHalfSolve(_ x: inout [Double], columns: Int) { triangular(&x, columns, transposed: true) }

    /// The factor in f32, for many columns that need no more precision: `halfSolve` in half the time.
    public func narrowed() -> Narrow { Narrow(order: order, lower: lower.map { Float($0) }) }

    public struct Narrow: Sendable {
        public let order: Int
        fileprivate let lower: [Float]

        /// `x = L⁻¹ x` for the columns of `[order, columns]`, row-major.
        public func halfSolve(_ x: UnsafeMutablePointer<Float>, columns: Int) {
            guard columns > 0 else { return }
            cblas_strsm(
                CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, Int32(order), Int32(columns), 1, lower, Int32(order), x,
                Int32(columns))
        }
    }

    private func triangular(_ x: inout [Double], _ columns: Int, transposed: Bool) {
        precondition(x.count == order * columns, "\(x.count) elements for \(columns) columns of order \(order)")
        guard columns > 0 else { return }
        cblas_dtrsm(
            CblasRowMajor, CblasLeft, CblasLower, transposed ? CblasTrans : CblasNoTrans, CblasNonUnit, Int32(order), Int32(columns),
            1, lower, Int32(order), &x, Int32(columns))
    }
}
