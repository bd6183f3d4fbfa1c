internal import Tensors

/// One linear rule an adapter over the mapped features, trained to be 1 for its own examples and 0 for all others: ridge regression,
/// which has a closed form, so that an adapter is added, changed or removed without iterations. Immutable.
///
/// All adapters are scored with weights of 8 bits a block of 32, the best of them again in f32: a decision reads a quarter of the bytes.
/// Landmarks are kept in 8 bits, too, since in f32 they would not fit the second-level cache.
struct Discriminant: Sendable {
    let map: FeatureMap
    let adapters: Int
    private let weights: PackedMatrix
    /// The same in f32, `[adapters, map.dimension]`, of which the best few are read.
    private let exact: [Float]
    /// About the mean nearness to a landmark, which is taken from all of them, and what the rules make of it: what is left is rounded
    /// more finely.
    private let center: Float
    private let offsets: [Float]
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
        exact = weights
        let center = Self.meanNearness(map)
        self.center = center
        offsets = (0..<adapters).map { adapter in
            let start = adapter * map.dimension + map.featureDimension
            return center * weights[start..<start + map.landmarkCount].reduce(0, +)
        }
    }

    /// Of some landmarks to others.
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

    /// A score for each adapter: about 1 where a text is one of its own, about 0 where it is not. Cost:
    /// `O((landmarks + adapters) * dimension)`.
    func scores(_ features: UnsafePointer<Float>) -> [Float] {
        let mapped = FloatBuffer(count: map.dimension)
        let row = QuantizedRows(capacityRows: 2, columns: map.dimension)
        if let landmarks {
            row.quantize(row: 0, from: features + map.distanceRange.lowerBound, columns: map.distanceRange.count)
            let near = mapped.pointer + map.featureDimension
            landmarks.multiply(row, rows: 0..<1, outputs: 0..<map.landmarkCount, into: near, stride: map.landmarkCount)
        }
        map.finish(features, mapped.pointer)
        for index in map.featureDimension..<map.dimension { mapped.pointer[index] -= center }
        // What 8 bits lose is a second row, which reads no more weights.
        let lost = FloatBuffer(count: map.dimension)
        lost.pointer.update(from: mapped.pointer, count: map.dimension)
        row.quantize(row: 0, from: mapped.pointer, columns: map.dimension)
        row.subtract(row: 0, from: lost.pointer, columns: map.dimension)
        row.quantize(row: 1, from: lost.pointer, columns: map.dimension)
        let products = FloatBuffer(count: 2 * adapters)
        weights.multiply(row, rows: 0..<2, outputs: 0..<adapters, into: products.pointer, stride: adapters)
        var scores = (0..<adapters).map { products.pointer[$0] + products.pointer[adapters + $0] + offsets[$0] }
        rescore(&scores, mapped.pointer)
        return scores
    }

    /// Adapters whose scores are computed again in f32.
    private static let rescored = 16

    /// The best few in f32: what rounding of the weights moves is less than what is between the best and those after them.
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
