internal import Tensors

/// Sums over rows of mapped features, kept from one fit to the next: an adapter more, or less, costs its own rows only.
struct FeatureSums: Sendable {
    private struct Part: Sendable {
        /// Shares the memory of the examples.
        var features: [Float]
        /// `[dimension]`
        var sum: [Float]
    }

    let map: FeatureMap
    /// `Fᵀ F`, `[dimension, dimension]`, the lower triangle.
    private(set) var gram: [Float]
    private var parts: [String: Part] = [:]
    /// Rows when the landmarks were chosen.
    private let chosenFor: Int

    init(_ set: TrainingSet, map: FeatureMap) {
        self.map = map
        gram = [Float](repeating: 0, count: map.dimension * map.dimension)
        chosenFor = set.count
        update(to: set)
    }

    /// Whether the landmarks still stand for the set: it has neither doubled nor halved since they were chosen.
    func serves(_ set: TrainingSet) -> Bool {
        map.featureDimension == set.featureDimension && map.distanceRange == set.distanceRange
            && set.count <= 2 * chosenFor && 2 * set.count >= chosenFor
    }

    /// `[dimension]` of a group of the set.
    func sum(_ group: String) -> [Float] { parts[group]?.sum ?? [] }

    mutating func update(to set: TrainingSet) {
        let wanted = Dictionary(set.groups.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for (name, part) in parts where wanted[name]?.features != part.features {
            add(part.features, sign: -1)
            parts[name] = nil
        }
        for group in set.groups where parts[group.name] == nil {
            parts[group.name] = Part(features: group.features, sum: add(group.features, sign: 1))
        }
    }

    /// Adds the rows, or takes them away; answers their sum.
    @discardableResult
    private mutating func add(_ features: [Float], sign: Float) -> [Float] {
        let (rows, dimension) = (features.count / map.featureDimension, map.dimension)
        let mapped = map.apply(features)
        gram.withUnsafeMutableBufferPointer { gram in
            guard let gram = gram.baseAddress else { return }
            BLAS.addGram(mapped.pointer, rows: rows, columns: dimension, scale: sign, into: gram)
        }
        let sum = FloatBuffer(count: dimension)
        for row in 0..<rows { Kernels.add(mapped.pointer + row * dimension, to: sum.pointer, count: dimension) }
        return Array(UnsafeBufferPointer(start: sum.pointer, count: dimension))
    }
}

extension FeatureMap {
    /// `[rows, dimension]` of `[rows, featureDimension]`, on several threads.
    func apply(_ features: [Float]) -> FloatBuffer {
        let rows = features.count / featureDimension
        let mapped = FloatBuffer(count: rows * dimension)
        features.withUnsafeBufferPointer { features in
            guard let start = features.baseAddress else { return }
            nonisolated(unsafe) let rowsStart = start
            Parallel.forEach(rows, piece: 64) { range in
                for row in range { apply(rowsStart + row * featureDimension, into: mapped.pointer + row * dimension) }
            }
        }
        return mapped
    }
}
