internal import COpenBLAS

/// Why a matrix could not be taken apart.
public struct FactorisationError: Error, Sendable, Equatable, CustomStringConvertible {
    public var message: String

    public var description: String { message }

    init(_ message: String) { self.message = message }

    /// Elements of a matrix: 1 GiB of f64.
    static let mostElements = 1 << 27

    /// Throws for a matrix without elements, and for one of more than `mostElements`.
    static func check(_ rows: Int, _ columns: Int) throws(FactorisationError) {
        let (count, overflows) = rows.multipliedReportingOverflow(by: columns)
        guard rows > 0, columns > 0, !overflows, count <= mostElements else {
            throw FactorisationError("a matrix of \(rows) by \(columns); expected 1 to \(mostElements) elements")
        }
    }
}

/// Vectors in an orthonormal basis of the space that they span, in f64: a thin QR factorisation, by OpenBLAS.
public struct OrthogonalBasis: Sendable {
    /// Vectors of the basis: the lesser of the vectors' number and length.
    public let rank: Int
    /// `[rank, length]`, row-major.
    public let basis: [Double]
    /// `[vectors, rank]`, row-major: vector `v` is `sum over k of coordinates[v, k] basis[k]`.
    public let coordinates: [Double]

    /// - Parameter vectors: `[count, length]`, row-major, finite. Errors: too many elements. Cost: about `4 * count² * length`.
    public init(_ vectors: [Double], count: Int, length: Int) throws(FactorisationError) {
        try FactorisationError.check(count, length)
        precondition(vectors.count == count * length, "\(vectors.count) elements for \(count) vectors of length \(length)")
        rank = min(count, length)
        // Row-major vectors are the columns of a column-major matrix of `length` rows.
        var (m, n, k) = (Int32(length), Int32(count), Int32(rank))
        var matrix = vectors
        var scales = [Double](repeating: 0, count: rank)
        try Self.call("dgeqrf") { work, size, info in dgeqrf_(&m, &n, &matrix, &m, &scales, work, &size, &info) }
        var coordinates = [Double](repeating: 0, count: count * rank)
        for vector in 0..<count {
            for place in 0...min(vector, rank - 1) { coordinates[vector * rank + place] = matrix[vector * length + place] }
        }
        matrix.removeLast((count - rank) * length)
        try Self.call("dorgqr") { work, size, info in dorgqr_(&m, &k, &k, &matrix, &m, &scales, work, &size, &info) }
        basis = matrix
        self.coordinates = coordinates
    }

    /// Calls twice: for the size of the workspace, and with it.
    static func call(
        _ name: String, _ body: (_ work: UnsafeMutablePointer<Double>, _ size: inout Int32, _ info: inout Int32) -> Void
    ) throws(FactorisationError) {
        var (wanted, size, info) = (0.0, Int32(-1), Int32(0))
        body(&wanted, &size, &info)
        if info == 0 {
            size = Int32(max(wanted, 1))
            var work = [Double](repeating: 0, count: Int(size))
            work.withUnsafeMutableBufferPointer { buffer in
                if let base = buffer.baseAddress { body(base, &size, &info) }
            }
        }
        guard info == 0 else {
            throw FactorisationError(info < 0 ? "\(name): argument \(-info) is not finite or out of range" : "\(name): no convergence")
        }
    }
}
