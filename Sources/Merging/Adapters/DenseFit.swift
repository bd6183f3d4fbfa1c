internal import Glibc
internal import MergeMethods
internal import Tensors

/// A whole matrix in few ranks: the truncated singular value decomposition.
///
/// Small matrices, and ranks near the full one, are decomposed exactly. Of others the range is found with random vectors, `rank + 8` of them
/// and two power steps (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1), seeded. The error is that of the result either way.
struct DenseFit {
    /// Matrices whose lesser size is no greater are decomposed exactly.
    static let exactSize = 256
    private static let spareVectors = 8
    private static let powerSteps = 2
    /// Vectors with which a search for a share of the energy begins.
    private static let firstVectors = 24

    let size: LoRASize
    let seed: UInt64

    /// - Parameter matrix: `[outputs, inputs]`, row-major. Errors: `nonFinite`, `limitExceeded`. Cost: for a rank r about
    ///   `12 * (r + 8) * outputs * inputs`, or `20 * max * min²` exactly.
    func fit(_ matrix: [Float], outputs: Int, inputs: Int, module: String) throws(MergeError) -> FittedPair {
        let square = matrix.reduce(0) { $0 + Double($1) * Double($1) }
        guard square.isFinite else { throw MergeError(.nonFinite, "the change has an element that is not finite", tensor: module) }
        do throws(FactorisationError) {
            let least = min(outputs, inputs)
            if least <= Self.exactSize { return try exact(matrix, outputs, inputs, square) }
            switch size {
            case .rank(let rank):
                let vectors = rank + Self.spareVectors
                return try vectors >= least ? exact(matrix, outputs, inputs, square) : random(matrix, outputs, inputs, vectors, square)
            case .energy(let share):
                var vectors = Self.firstVectors
                while vectors < least / 2 {
                    let fitted = try random(matrix, outputs, inputs, vectors, square)
                    if fitted.error * fitted.error <= (1 - share) * square, fitted.pair.rank <= vectors - Self.spareVectors { return fitted }
                    vectors *= 2
                }
                return try exact(matrix, outputs, inputs, square)
            }
        } catch {
            throw MergeError(.limitExceeded, error.message, tensor: module)
        }
    }

    private func exact(_ matrix: [Float], _ outputs: Int, _ inputs: Int, _ square: Double) throws(FactorisationError) -> FittedPair {
        let parts = try SingularValues(matrix.map { Double($0) }, rows: outputs, columns: inputs)
        let count = size.count(parts.values, square: square)
        var left = [Double](repeating: 0, count: count * outputs)
        for place in 0..<count {
            for row in 0..<outputs { left[place * outputs + row] = parts.left[row * parts.values.count + place] }
        }
        var fitted = FittedPair(
            parts.values, count: count, left: left, right: parts.right, outputs: outputs, inputs: inputs, square: square)
        fitted.error = parts.values.dropFirst(count).reduce(0) { $0 + $1 * $1 }.squareRoot()
        return fitted
    }

    private func random(
        _ matrix: [Float], _ outputs: Int, _ inputs: Int, _ vectors: Int, _ square: Double
    ) throws(FactorisationError) -> FittedPair {
        // Vectors are rows: [vectors, outputs] on the one side, [vectors, inputs] on the other.
        func outer(_ x: [Float]) -> [Float] {
            Self.filled(vectors * outputs) { BLAS.multiply(x: x, w: matrix, into: $0, rows: vectors, inputs: inputs, outputs: outputs) }
        }
        func inner(_ x: [Float]) -> [Float] {
            Self.filled(vectors * inputs) { BLAS.product(x, matrix, into: $0, rows: vectors, inner: outputs, columns: inputs) }
        }
        func orthonormal(_ x: [Float], _ length: Int) throws(FactorisationError) -> [Float] {
            try OrthogonalBasis(x.map { Double($0) }, count: vectors, length: length).basis.map { Float($0) }
        }
        var range = try orthonormal(outer(Self.gaussians(vectors * inputs, seed: seed)), outputs)
        for _ in 0..<Self.powerSteps {
            let other = try orthonormal(inner(range), inputs)
            range = try orthonormal(outer(other), outputs)
        }
        let parts = try SingularValues(inner(range).map { Double($0) }, rows: vectors, columns: inputs)
        let count = size.count(parts.values, square: square)
        let coordinates = (0..<vectors).flatMap { place in (0..<vectors).map { parts.left[$0 * vectors + place] } }
        let left = BLAS.product(coordinates, range.map { Double($0) }, rows: vectors, inner: vectors, columns: outputs)
        return FittedPair(parts.values, count: count, left: left, right: parts.right, outputs: outputs, inputs: inputs, square: square)
    }

    private static func filled(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, filled in
            if let target = buffer.baseAddress { body(target) }
            filled = count
        }
    }

    /// Normal numbers (Box and Muller 1958) from SplitMix64.
    private static func gaussians(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed
        func uniform() -> Double {
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
            word ^= word >> 31
            return (Double(word >> 11) + 0.5) * 0x1p-53
        }
        return (0..<count).map { _ in Float((-2 * log(uniform())).squareRoot() * cos(2 * Double.pi * uniform())) }
    }
}
