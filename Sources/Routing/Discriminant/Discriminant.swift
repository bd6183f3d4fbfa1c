internal import Tensors

/// One linear rule an adapter over the mapped features, trained to be 1 for its own examples and 0 for all others: ridge regression,
/// which has a closed form, so that an adapter is added, changed or removed without iterations. Immutable.
///
/// Weights and landmarks are kept in 8 bits a block of 32: what they round is far below what scores differ by, and landmarks in f32
/// would not fit the second-level cache.
struct Discriminant: Sendable {
    let map: FeatureMap
    let adapters: Int
    private let weights: PackedMatrix
    /// Nil: there are none.
    private let landmarks: PackedMatrix?

    /// - Parameter weights: `[adapters, map.dimension]`. Nil when they are not finite.
    init?(map: FeatureMap, adapters: Int, weights: [Float]) {
        let view = weights.withUnsafeBytes {
            TensorView(name: "rules", dtype: .f32, shape: [adapters, map.dimension], copying: $0)
        }
        guard let view, let packed = try? PackedMatrix(packing: view) else { return nil }
        let unitRows = map.landmarks.withUnsafeBytes {
            TensorView(name: "landmarks", dtype: .f32, shape: [map.landmarkCount, map.distanceRange.count], copying: $0)
        }
        landmarks = unitRows.flatMap { try? PackedMatrix(packing: $0) }
        if landmarks == nil, map.landmarkCount > 0 { return nil }
        self.map = map
        self.adapters = adapters
        self.weights = packed
    }

    /// A score for each adapter: about 1 where a text is one of its own, about 0 where it is not. Cost:
    /// `O((landmarks + adapters) * dimension)`.
    func scores(_ features: UnsafePointer<Float>) -> [Float] {
        let mapped = FloatBuffer(count: map.dimension)
        let row = QuantizedRows(capacityRows: 1, columns: map.dimension)
        if let landmarks {
            row.quantize(row: 0, from: features + map.distanceRange.lowerBound, columns: map.distanceRange.count)
            let near = mapped.pointer + map.featureDimension
            landmarks.multiply(row, rows: 0..<1, outputs: 0..<map.landmarkCount, into: near, stride: map.landmarkCount)
        }
        map.finish(features, mapped.pointer)
        row.quantize(row: 0, from: mapped.pointer, columns: map.dimension)
        let scores = FloatBuffer(count: adapters)
        weights.multiply(row, rows: 0..<1, outputs: 0..<adapters, into: scores.pointer, stride: adapters)
        return (0..<adapters).map { scores.pointer[$0] }
    }
}
