internal import Tensors

/// The embedded texts of one adapter.
struct ExampleVectors: Sendable {
    var texts: [String]
    /// `[texts, dimension]`, row-major, unit rows.
    var vectors: [Float]
    var dimension: Int
    /// `[texts, featureDimension]`, what rules are trained on.
    var features: [Float]
    var featureDimension: Int

    /// Cosines of a unit query with each row, `[texts]`: `O(texts * dimension)`.
    func similarities(to query: UnsafeBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>) {
        precondition(query.count == dimension, "query and examples come from the same encoder")
        precondition(output.count == texts.count, "there is room for each text")
        vectors.withUnsafeBufferPointer { rows in
            guard let query = query.baseAddress, let start = rows.baseAddress, let output = output.baseAddress else { return }
            Kernels.dots(query, start, rowCount: texts.count, count: dimension, into: output)
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

    func withRow<Result>(_ row: Int, _ body: (UnsafeBufferPointer<Float>) -> Result) -> Result {
        vectors.withUnsafeBufferPointer {
            body(UnsafeBufferPointer(rebasing: $0[(row * dimension)..<((row + 1) * dimension)]))
        }
    }
}

enum Similarity {
    /// Cosine of two vectors of one length; 0 where one is zero.
    static func cosine(_ left: [Float], _ right: [Float]) -> Float {
        precondition(left.count == right.count, "both come from the same encoder")
        let norms = (Kernels.dot(left, left, count: left.count) * Kernels.dot(right, right, count: right.count)).squareRoot()
        return norms > 0 ? Kernels.dot(left, right, count: left.count) / norms : 0
    }
}
