internal import Tensors

/// A low-rank change of one matrix, `B A`, in f32.
struct LowRankPair: Sendable, Equatable {
    var rank: Int
    var inputs: Int
    var outputs: Int
    /// `[rank, inputs]`, row-major.
    var a: [Float]
    /// B transposed, `[rank, outputs]`, row-major.
    var b: [Float]

    /// The whole change, `[outputs, inputs]`, row-major. Cost: `O(rank * inputs * outputs)`.
    func product() -> [Float] {
        [Float](unsafeUninitializedCapacity: outputs * inputs) { buffer, count in
            if let target = buffer.baseAddress {
                BLAS.multiply(transposing: b, by: a, into: target, rows: rank, inputs: inputs, outputs: outputs)
            }
            count = outputs * inputs
        }
    }

    /// With A times a factor.
    func scaled(by factor: Float) -> LowRankPair {
        guard factor != 1 else { return self }
        var pair = self
        pair.a = a.map { $0 * factor }
        return pair
    }

    var isZero: Bool { !a.contains { $0 != 0 } || !b.contains { $0 != 0 } }

    var isFinite: Bool { a.allSatisfy(\.isFinite) && b.allSatisfy(\.isFinite) }

    /// Some pairs' ranks one after the other: the sum of their products.
    static func stacked(_ pairs: [LowRankPair]) -> LowRankPair {
        LowRankPair(
            rank: pairs.reduce(0) { $0 + $1.rank }, inputs: pairs[0].inputs, outputs: pairs[0].outputs, a: pairs.flatMap(\.a),
            b: pairs.flatMap(\.b))
    }
}
