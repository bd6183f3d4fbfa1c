import Glibc
internal import Tensors

/// The input of the discriminant: the encoder's features of a text, and how near they are to landmarks.
///
/// Nearness is `exp(2 sharpness (cosine - 1))`, the radial basis function of unit vectors. Landmarks are examples: with them a linear
/// rule can separate classes that no plane in the features' own space separates.
struct FeatureMap: Sendable {
    /// For a training set of few rows, and for one of many.
    static let mostLandmarks = (few: 1024, many: 512)
    private static let sharpness: Float = 1

    /// The encoder's.
    let featureDimension: Int
    let distanceRange: Range<Int>
    let landmarkCount: Int
    /// The features' weight relative to the landmarks: they are multiplied by it.
    let featureScale: Float
    /// `[landmarks, distances]`, unit rows.
    let landmarks: [Float]

    /// The length of the input.
    var dimension: Int { featureDimension + landmarkCount }

    /// - Parameter rows: the landmarks' features, `[featureDimension]` each.
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

    /// From landmarks that were stored.
    init(unitLandmarks: [Float], count: Int, featureDimension: Int, distanceRange: Range<Int>, featureScale: Float) {
        precondition(unitLandmarks.count == count * distanceRange.count, "the landmarks are not whole rows")
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

    /// The second half of `apply`: `output` holds the products of the features with the landmarks.
    func finish(_ features: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
        output.update(from: features, count: featureDimension)
        if featureScale != 1 { Kernels.multiply(output, by: featureScale, count: featureDimension) }
        let (near, query) = (output + featureDimension, features + distanceRange.lowerBound)
        let scale = Self.scale(Kernels.dot(query, query, count: distanceRange.count))
        for index in 0..<landmarkCount { near[index] = nearness(near[index] * scale) }
    }

    /// From a cosine.
    func nearness(_ cosine: Float) -> Float { expf(2 * Self.sharpness * (cosine - 1)) }
}
