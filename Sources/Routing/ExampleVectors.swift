/// The embedded texts of one adapter.
struct ExampleVectors: Sendable {
    var texts: [String]
    /// `[texts, dimension]`, row-major, unit rows.
    var vectors: [Float]
    var dimension: Int

    /// Cosines of a unit query with each row: `O(texts * dimension)`.
    func similarities(to query: UnsafeBufferPointer<Float>) -> [Float] {
        precondition(query.count == dimension, "query and examples come from the same encoder")
        return vectors.withUnsafeBufferPointer { rows in
            (0..<texts.count).map { row in
                Similarity.dot(
                    query, UnsafeBufferPointer(rebasing: rows[(row * dimension)..<((row + 1) * dimension)]))
            }
        }
    }

    /// Mean row, not normalised: its product with another mean is the mean similarity of all pairs.
    var centroid: [Float] {
        var mean = [Float](repeating: 0, count: dimension)
        for row in 0..<texts.count {
            for column in 0..<dimension { mean[column] += vectors[row * dimension + column] }
        }
        return mean.map { $0 / Float(max(texts.count, 1)) }
    }
}

enum Similarity {
    /// Dot product in 16 partial sums, added pairwise at the end.
    static func dot(_ left: UnsafeBufferPointer<Float>, _ right: UnsafeBufferPointer<Float>) -> Float {
        var sums = SIMD16<Float>.zero
        var index = 0
        while index + 16 <= left.count {
            let a = UnsafeRawPointer(left.baseAddress! + index).loadUnaligned(as: SIMD16<Float>.self)
            let b = UnsafeRawPointer(right.baseAddress! + index).loadUnaligned(as: SIMD16<Float>.self)
            sums.addProduct(a, b)
            index += 16
        }
        var sum = sums.sum()
        while index < left.count {
            sum += left[index] * right[index]
            index += 1
        }
        return sum
    }
}

extension Similarity {
    /// Cosine of two vectors of any length; 0 where one is zero.
    static func cosine(_ left: [Float], _ right: [Float]) -> Float {
        left.withUnsafeBufferPointer { left in
            right.withUnsafeBufferPointer { right in
                let norms = (dot(left, left) * dot(right, right)).squareRoot()
                return norms > 0 ? dot(left, right) / norms : 0
            }
        }
    }
}
