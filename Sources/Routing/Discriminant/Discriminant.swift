internal import Tensors

/// One linear rule for each adapter over the mapped features, trained to be 1 for its own examples and 0 for all others. It is ridge
/// regression, which has a closed form: adding, changing or removing an adapter needs no iterations. Immutable.
///
/// All adapters are scored with 8-bit weights in blocks of 32, the best of them again in f32, so that a decision reads a quarter of the
/// bytes. Landmarks are kept as two 8-bit matrices, since in f32 they would not fit the second-level cache.
struct Discriminant: Sendable {
    let map: FeatureMap
    let adapters: Int
    private let weights: PackedMatrix
    /// The same weights in f32, `[adapters, map.dimension]`: read for the best few.
    private let exact: [Float]
    /// About the mean nearness to a landmark. It is subtracted before rounding, so that the rest is rounded more finely; `offsets` is what
    /// the rules make of it.
    private let center: Float
    private let offsets: [Float]
    /// Nil when there are none.
    private let landmarks: PackedMatrix?
    /// The rounding error of `landmarks`.
    private let landmarksLost: PackedMatrix?

    /// - Parameter weights: `[adapters, map.dimension]`. Nil when they are not finite.
    init?(map: FeatureMap, adapters: Int, weights: [Float]) {
        let view = weights.withUnsafeBytes {
            TensorView(name: "rules", dtype: .f32, shape: [adapters, map.dimension], copying: $0)
        }
        guard let view, let packed = try? PackedMatrix(packing: view) else { return nil }
        landmarks = Self.packed(map.landmarks, map)
        landmarksLost = landmarks.flatMap { kept in
            var lost = map.landmarks
            let row = FloatBuffer(count: map.distanceRange.count)
            for landmark in 0..<map.landmarkCount {
                kept.dequantizeRow(landmark, into: row.pointer)
                for column in 0..<row.count { lost[landmark * row.count + column] -= row.pointer[column] }
            }
            return Self.packed(lost, map)
        }
        if landmarksLost == nil, map.landmarkCount > 0 { return nil }
        self.map = map
        self.adapters = adapters
        self.weights = packed
        exact = weights
        let center = Self.meanNearness(map)
        self.center = center
        offsets = (0..<adapters).map { adapter in
            let start = adapter * map.dimension + map.featureDimension
            return center * weights[start..<start + map.landmarkCount].reduce(0, +)
        }
    }

    /// `[landmarks, distances]`
    private static func packed(_ rows: [Float], _ map: FeatureMap) -> PackedMatrix? {
        let view = rows.withUnsafeBytes {
            TensorView(name: "landmarks", dtype: .f32, shape: [map.landmarkCount, map.distanceRange.count], copying: $0)
        }
        return view.flatMap { try? PackedMatrix(packing: $0) }
    }

    /// The mean nearness of some landmarks to others.
    private static func meanNearness(_ map: FeatureMap) -> Float {
        let (count, length) = (map.landmarkCount, map.distanceRange.count)
        guard count > 1 else { return 0 }
        return map.landmarks.withUnsafeBufferPointer { rows in
            guard let rows = rows.baseAddress else { return 0 }
            let pairs = min(count, 64)
            let sum = (0..<pairs).reduce(Float(0)) { sum, place in
                let (one, other) = (place * count / pairs, (place * count / pairs + count / 2) % count)
                return sum + map.nearness(Kernels.dot(rows + one * length, rows + other * length, count: length))
            }
            return sum / Float(pairs)
        }
    }

    /// A score for each adapter: about 1 for its own texts, about 0 for others. Cost:
    /// `O((landmarks + adapters) * dimension)`.
    func scores(_ features: UnsafePointer<Float>) -> [Float] {
        let mapped = FloatBuffer(count: map.dimension)
        let row = QuantizedRows(capacityRows: 2, columns: map.dimension)
        if let landmarks, let landmarksLost {
            let count = map.landmarkCount
            let products = FloatBuffer(count: 3 * count)
            quantize(row, features + map.distanceRange.lowerBound, count: map.distanceRange.count)
            landmarks.multiply(row, rows: 0..<2, outputs: 0..<count, into: products.pointer, stride: count)
            landmarksLost.multiply(row, rows: 0..<1, outputs: 0..<count, into: products.pointer + 2 * count, stride: count)
            let near = mapped.pointer + map.featureDimension
            for index in 0..<count { near[index] = products.pointer[index] + products.pointer[count + index] + products.pointer[2 * count + index] }
        }
        map.finish(features, mapped.pointer)
        for index in map.featureDimension..<map.dimension { mapped.pointer[index] -= center }
        quantize(row, mapped.pointer, count: map.dimension)
        let products = FloatBuffer(count: 2 * adapters)
        weights.multiply(row, rows: 0..<2, outputs: 0..<adapters, into: products.pointer, stride: adapters)
        var scores = (0..<adapters).map { products.pointer[$0] + products.pointer[adapters + $0] + offsets[$0] }
        rescore(&scores, mapped.pointer)
        return scores
    }

    /// Into two rows: the second is the rounding error of the first, and costs no more reading of weights.
    private func quantize(_ rows: QuantizedRows, _ x: UnsafePointer<Float>, count: Int) {
        let lost = FloatBuffer(count: count)
        lost.pointer.update(from: x, count: count)
        rows.quantize(row: 0, from: x, columns: count)
        rows.subtract(row: 0, from: lost.pointer, columns: count)
        rows.quantize(row: 1, from: lost.pointer, columns: count)
    }

    /// How many adapters' scores are computed again in f32.
    private static let rescored = 16

    /// Scores the best few in f32: rounding of the weights changes a score by less than the distance between the best and the others.
    private func rescore(_ scores: inout [Float], _ mapped: UnsafePointer<Float>) {
        var best: [Int] = []
        for adapter in scores.indices {
            if best.count == Self.rescored, scores[adapter] <= scores[best[Self.rescored - 1]] { continue }
            var place = best.count
            while place > 0, scores[best[place - 1]] < scores[adapter] { place -= 1 }
            best.insert(adapter, at: place)
            if best.count > Self.rescored { best.removeLast() }
        }
        exact.withUnsafeBufferPointer { exact in
            guard let exact = exact.baseAddress else { return }
            for adapter in best {
                scores[adapter] = Kernels.dot(mapped, exact + adapter * map.dimension, count: map.dimension) + offsets[adapter]
            }
        }
    }
}
