internal import Tensors

/// The embedded texts of one adapter. The numbers lie in memory or in a mapped file of the cache; copies share them.
struct ExampleVectors: Sendable {
    let texts: [String]
    /// The mean vector, which is not of unit length: its product with another mean is the mean similarity of all pairs.
    let mean: [Float]
    /// `[texts, featureDimension]`, what rules are trained on.
    let features: FeatureRows
    /// `[texts, dimension]`, f32, unit rows.
    private let vectors: TensorView

    var dimension: Int { mean.count }
    var featureDimension: Int { features.dimension }

    /// From an encoder's numbers, row-major.
    init(texts: [String], vectors: [Float], dimension: Int, features: [Float], featureDimension: Int) {
        let view = vectors.withUnsafeBytes { TensorView(name: "vectors", dtype: .f32, shape: [texts.count, dimension], copying: $0) }
        guard let view else { preconditionFailure("the vectors are not one row for each text") }
        var mean = [Float](repeating: 0, count: dimension)
        for row in 0..<texts.count {
            for column in 0..<dimension { mean[column] += vectors[row * dimension + column] }
        }
        self.init(
            texts: texts, mean: mean.map { $0 / Float(max(texts.count, 1)) }, vectors: view,
            features: FeatureRows(features, dimension: featureDimension))
    }

    /// - Parameter vectors: `[texts, dimension]`, f32.
    init(texts: [String], mean: [Float], vectors: TensorView, features: FeatureRows) {
        precondition(vectors.rows == texts.count && vectors.columns == mean.count && features.count == texts.count, "vectors, mean and features must have one row for each text")
        self.texts = texts
        self.mean = mean
        self.vectors = vectors
        self.features = features
    }

    /// Whether something that was read came from a part that the mapped file no longer has. Cost: one load.
    var isDamaged: Bool { vectors.isDamaged }

    /// False when the file that the numbers are mapped from became shorter: what was read of them may be zeros. Cost: one system call.
    var isWhole: Bool { vectors.isWhole }

    private func withVectors<Result>(_ body: (UnsafeBufferPointer<Float>) -> Result) -> Result {
        vectors.withUnsafeBytes { body($0.assumingMemoryBound(to: Float.self)) }
    }

    /// Cosines of a unit query with each row, `[texts]`: `O(texts * dimension)`.
    func similarities(to query: UnsafeBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Float>) {
        precondition(query.count == dimension, "the query and the examples are of different encoders")
        precondition(output.count == texts.count, "the output has not one place for each text")
        withVectors { rows in
            guard let query = query.baseAddress, let start = rows.baseAddress, let output = output.baseAddress else { return }
            Kernels.dots(query, start, rowCount: texts.count, count: dimension, into: output)
        }
    }

    func withRow<Result>(_ row: Int, _ body: (UnsafeBufferPointer<Float>) -> Result) -> Result {
        withVectors { body(UnsafeBufferPointer(rebasing: $0[(row * dimension)..<((row + 1) * dimension)])) }
    }

    /// The vectors as they are stored.
    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result { vectors.withUnsafeBytes(body) }
}

extension TensorView {
    var isWhole: Bool {
        do throws(MappedFileError) {
            try check()
            return true
        } catch {
            return false
        }
    }
}

enum Similarity {
    /// The vector with length 1; a zero vector stays zero.
    static func direction(_ vector: [Float]) -> [Float] {
        let length = product(vector, vector).squareRoot()
        return length > 0 ? vector.map { $0 / length } : vector
    }

    /// The dot product of two vectors of one length.
    static func product(_ left: [Float], _ right: [Float]) -> Float {
        precondition(left.count == right.count, "the vectors are of different encoders")
        return Kernels.dot(left, right, count: left.count)
    }

    /// Cosine of two vectors of one length; 0 where one is zero.
    static func cosine(_ left: [Float], _ right: [Float]) -> Float {
        let norms = (product(left, left) * product(right, right)).squareRoot()
        return norms > 0 ? product(left, right) / norms : 0
    }
}
