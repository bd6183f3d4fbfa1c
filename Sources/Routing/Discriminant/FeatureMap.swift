import Glibc
internal import Tensors

/// What the discriminant reads of a text: the encoder's features, and how near they are to landmarks.
///
/// Near is `exp(2 sharpness (cosine - 1))`, the radial basis function of unit vectors. Landmarks are examples: with them a linear
/// rule can separate what no plane in the features' own space does.
struct FeatureMap: Sendable {
    /// Of a set of few rows, and of one of many.
    static let mostLandmarks = (few: 1024, many: 512)
    private static let sharpness: Float = 1

    /// Of the encoder.
    let featureDimension: Int
    let distanceRange: Range<Int>
    let landmarkCount: Int
    /// What the features themselves are multiplied by: how much they weigh beside the landmarks.
    let featureScale: Float
    /// `[landmarks, distances]`, unit rows.
    let landmarks: [Float]

    /// Length of what is read.
    var dimension: Int { featureDimension + landmarkCount }

    /// - Parameter rows: features of the landmarks, `[featureDimension]` each.
    init(_ rows: [[Float]], featureDimension: Int, distanceRange: Range<Int>, featureScale: Float = 1) {
        self.featureDimension = featureDimension
        self.distanceRange = distanceRange
        landmarkCount = rows.count
        self.featureScale = featureScale
        var landmarks: [Float] = []
        landmarks.reserveCapacity(rows.count * distanceRange.count)
        for row in rows {
            let part = row[distanceRange]
            let scale = Self.scale(part.reduce(0) { $0 + $1 * $1 })
            landmarks += part.map { $0 * scale }
        }
        self.landmarks = landmarks
    }

    /// The same landmarks again.
    init(unitLandmarks: [Float], count: Int, featureDimension: Int, distanceRange: Range<Int>, featureScale: Float) {
        precondition(unitLandmarks.count == count * distanceRange.count, "landmarks are whole rows")
        self.featureDimension = featureDimension
        self.distanceRange = distanceRange
        landmarkCount = count
        self.featureScale = featureScale
        landmarks = unitLandmarks
    }

    private static func scale(_ squares: Float) -> Float { squares > 0 ? 1 / squares.squareRoot() : 0 }

    /// Writes `[dimension]` for features `[featureDimension]`. Cost: `O(landmarks * distances)`.
    func apply(_ features: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>) {
        landmarks.withUnsafeBufferPointer { rows in
            guard let rows = rows.baseAddress else { return }
            Kernels.dots(
                features + distanceRange.lowerBound, rows, rowCount: landmarkCount, count: distanceRange.count, into: output + featureDimension)
        }
        finish(features, output)
    }

    /// The rest of `apply`, where the products of the features with the landmarks are in their places.
    func finish(_ features: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
        output.update(from: features, count: featureDimension)
        if featureScale != 1 { Kernels.multiply(output, by: featureScale, count: featureDimension) }
        let (near, query) = (output + featureDimension, features + distanceRange.lowerBound)
        let scale = Self.scale(Kernels.dot(query, query, count: distanceRange.count))
        for index in 0..<landmarkCount { near[index] = nearness(near[index] * scale) }
    }

    /// Of a cosine.
    func nearness(_ cosine: Float) -> Float { expf(2 * Self.sharpness * (cosine - 1)) }
}
