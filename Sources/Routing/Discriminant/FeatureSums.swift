internal import Tensors

/// Sums over rows of mapped features, kept from one fit to the next: adding or removing an adapter costs its own rows only.
struct FeatureSums: Sendable {
    private struct Part: Sendable {
        var features: FeatureRows
        /// `[dimension]`
        var sum: [Float]
    }

    /// How many rows are mapped at once.
    private static let piece = 1024

    let map: FeatureMap
    /// `Fᵀ F`, `[dimension, dimension]`, the lower triangle.
    private(set) var gram: [Float]
    private var parts: [String: Part] = [:]
    /// How many rows there were when the landmarks were chosen.
    private let chosenFor: Int

    init(_ set: TrainingSet, map: FeatureMap) {
        self.map = map
        gram = [Float](repeating: 0, count: map.dimension * map.dimension)
        chosenFor = set.count
        update(to: set)
    }

    /// Whether the landmarks still represent the set: it has neither doubled nor halved since they were chosen.
    func serves(_ set: TrainingSet) -> Bool {
        map.featureDimension == set.featureDimension && map.distanceRange == set.distanceRange
            && set.count <= 2 * chosenFor && 2 * set.count >= chosenFor
    }

    /// False when rows that were summed can no longer be read: they could not be subtracted. Cost: a system call for each mapped group.
    var isWhole: Bool { parts.values.allSatisfy(\.features.isWhole) }

    /// `[dimension]` of a group of the set.
    func sum(_ group: String) -> [Float] { parts[group]?.sum ?? [] }

    mutating func update(to set: TrainingSet) {
        let wanted = Dictionary(set.groups.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for (name, part) in parts where wanted[name]?.features.digest != part.features.digest {
            add(part.features, sign: -1)
            parts[name] = nil
        }
        for group in set.groups where parts[group.name] == nil {
            parts[group.name] = Part(features: group.features, sum: add(group.features, sign: 1))
        }
    }

    /// Adds the rows, or subtracts them. Returns their sum.
    @discardableResult
    private mutating func add(_ features: FeatureRows, sign: Float) -> [Float] {
        let dimension = map.dimension
        let sum = FloatBuffer(count: dimension)
        for start in stride(from: 0, to: features.count, by: Self.piece) {
            let rows = start..<min(start + Self.piece, features.count)
            let mapped = map.apply(features, rows)
            gram.withUnsafeMutableBufferPointer { gram in
                guard let gram = gram.baseAddress else { return }
                BLAS.addGram(mapped.pointer, rows: rows.count, columns: dimension, scale: sign, into: gram)
            }
            for row in rows.indices { Kernels.add(mapped.pointer + row * dimension, to: sum.pointer, count: dimension) }
        }
        return Array(UnsafeBufferPointer(start: sum.pointer, count: dimension))
    }
}

extension FeatureMap {
    /// `[rows, dimension]` of some rows, on several threads.
    func apply(_ features: FeatureRows, _ rows: Range<Int>) -> FloatBuffer {
        let mapped = FloatBuffer(count: rows.count * dimension)
        Parallel.forEach(rows.count, piece: 64) { range in
            let row = FloatBuffer(count: featureDimension)
            for index in range {
                features.read(rows.lowerBound + index..<rows.lowerBound + index + 1, into: row.pointer)
                apply(row.pointer, into: mapped.pointer + index * dimension)
            }
        }
        return mapped
    }
}
