internal import Models
internal import Tensors

/// The inner product of two changes of the base, by which adapters are compared:
///
///     <P, Q> = sum over layers and projections of tr(P^T Q),   P = (outputScale - 1) * W + W * (inputScale - 1) + outputScale * s B A
///
/// `W` enters by its norm only, as if its rows and columns had equal lengths and were orthogonal to B A. Biases count as they are.
/// Each expert of a mixture is compared with the expert of the same number, as if every row went to it. Changes of the embedding and of whole
/// rows of the head, and the routers' choices, are not compared. Deltas are in f32.
struct DeltaProduct {
    /// Nil: `W` counts as if each row had the length 1.
    let weights: BaseWeights?

    /// The cosine: 1 for the same direction, whatever the strength; 0 when either changes nothing that is compared.
    /// - Parameter square: of the first with itself, where the caller knows it.
    func cosine(_ one: AdapterDelta, _ other: AdapterDelta, square: Double? = nil) -> Double {
        let norms = ((square ?? of(one, one)) * of(other, other)).squareRoot()
        return norms > 0 ? of(one, other) / norms : 0
    }

    /// Cost: `O(parameters * rank)`.
    func of(_ one: AdapterDelta, _ other: AdapterDelta) -> Double {
        guard one.layers == other.layers else { return 0 }
        var sum = 0.0
        for layer in 0..<one.layers {
            for (first, second) in zip(one.feedForward(layer)?.experts ?? [], other.feedForward(layer)?.experts ?? []) {
                for (projection, first, second) in [
                    (Projection.gate, first.gate, second.gate), (.up, first.up, second.up), (.down, first.down, second.down),
                ] {
                    guard let first, let second else { continue }
                    sum += Self.product(first, second, weights?.norm(of: layer, projection))
                }
            }
            for projection in Projection.allCases {
                guard let first = one[layer, projection], let second = other[layer, projection] else { continue }
                sum += Self.product(first, second, weights?.norm(of: layer, projection))
            }
        }
        if let first = one.head?.linear, let second = other.head?.linear { sum += Self.product(first, second, nil) }
        return sum
    }

    /// `norm`: of W.
    private static func product(_ one: LinearPatch, _ other: LinearPatch, _ norm: Double?) -> Double {
        var sum = 0.0
        if let first = one.lowRank, let second = other.lowRank {
            sum += product(first, one.outputScale, second, other.outputScale)
        }
        for (first, second) in zip(one.mixture?.experts ?? [], other.mixture?.experts ?? []) {
            if let first, let second { sum += product(first, one.outputScale, second, other.outputScale) }
        }
        if let first = one.bias, let second = other.bias { sum += product(first, second, less: 0) }
        for (first, second) in [(one.outputScale, other.outputScale), (one.inputScale, other.inputScale)] {
            guard let first, let second else { continue }
            sum += product(first, second, less: 1) * (norm.map { $0 * $0 / Double(first.count) } ?? 1)
        }
        return sum
    }

    private static func product(_ one: FloatBuffer, _ other: FloatBuffer, less: Float) -> Double {
        guard one.count == other.count else { return 0 }
        return (0..<one.count).reduce(0.0) { $0 + Double(one.pointer[$1] - less) * Double(other.pointer[$1] - less) }
    }

    /// `tr((B1 A1)^T B2 A2)`: the sum of the products, element by element, of `A1 A2^T` and `B1^T B2`, `[rank1, rank2]` both.
    private static func product(
        _ one: LowRank, _ oneScale: FloatBuffer?, _ other: LowRank, _ otherScale: FloatBuffer?
    ) -> Double {
        guard one.inputs == other.inputs, one.outputs == other.outputs else { return 0 }
        let (first, second) = (one.factors, other.factors)
        let inner = products(first.a, second.a, one.rank, other.rank, width: one.inputs)
        let outer = products(
            scaled(first.transposedB, oneScale), scaled(second.transposedB, otherScale), one.rank, other.rank, width: one.outputs)
        return zip(inner, outer).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } * Double(one.scale) * Double(other.scale)
    }

    /// `B^T`, `[rank, outputs]`, each output times its scale.
    private static func scaled(_ values: [Float], _ scale: FloatBuffer?) -> [Float] {
        guard let scale, scale.count > 0 else { return values }
        return values.indices.map { values[$0] * scale.pointer[$0 % scale.count] }
    }

    private static func products(_ one: [Float], _ other: [Float], _ rows: Int, _ columns: Int, width: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: rows * columns) { buffer, count in
            one.withUnsafeBufferPointer { one in
                other.withUnsafeBufferPointer { other in
                    guard let target = buffer.baseAddress, let one = one.baseAddress, let other = other.baseAddress else { return }
                    BLAS.multiply(x: one, w: other, into: target, rows: rows, inputs: width, outputs: columns)
                }
            }
            count = rows * columns
        }
    }
}
