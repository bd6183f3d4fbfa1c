/// How large the pairs of a result are.
public enum LoRASize: Sendable, Equatable {
    /// Every module has this rank, or that of its matrix where it is less.
    case rank(Int)
    /// Every module has the least rank that keeps this share of its change, `0 < share <= 1` of the squared Frobenius norm.
    case energy(Double)

    /// The number of singular values to keep.
    ///
    /// - Parameters:
    ///   - values: from the greatest down.
    ///   - square: of the whole change's norm, in which values that are not here count as well.
    func count(_ values: [Double], square: Double) -> Int {
        switch self {
        case .rank(let rank): return min(rank, values.count)
        case .energy(let share):
            // What f32 factors cannot hold is no part of the change.
            let least = (values.first ?? 0) * 1e-7
            let wanted = share * square
            var (count, sum) = (0, 0.0)
            for value in values where value > least && (sum < wanted || count == 0) {
                sum += value * value
                count += 1
            }
            return count
        }
    }
}

/// A change in fewer ranks, and what it lost.
struct FittedPair {
    var pair: LowRankPair
    /// Frobenius norm of the change.
    var norm: Double
    /// Frobenius norm of what is lost of it.
    var error: Double

    /// The first `count` singular values of a change, their roots on both sides.
    ///
    /// - Parameters:
    ///   - left: `[values, outputs]`, row-major: left singular vectors.
    ///   - right: `[values, inputs]`, row-major: right singular vectors.
    ///   - square: of the change's norm.
    init(_ values: [Double], count: Int, left: [Double], right: [Double], outputs: Int, inputs: Int, square: Double) {
        func scaled(_ vectors: [Double], _ width: Int) -> [Float] {
            (0..<count).flatMap { place in
                let root = values[place].squareRoot()
                return vectors[place * width..<(place + 1) * width].map { Float($0 * root) }
            }
        }
        pair = LowRankPair(rank: count, inputs: inputs, outputs: outputs, a: scaled(right, inputs), b: scaled(left, outputs))
        norm = square.squareRoot()
        let kept = values.prefix(count).reduce(0) { $0 + $1 * $1 }
        error = max(square - kept, 0).squareRoot()
    }
}
