internal import Tensors

/// The two directions in which classes of vectors differ most, relative to how much each class spreads (Fisher's discriminant). Where
/// there are only two classes, the second direction is the one in which all vectors spread most. Deterministic.
struct DiscriminantPlane {
    private let origin: [Double]
    private let axes: [[Double]]

    /// The share of the mean spread that is added to the spread. With few vectors in many dimensions the spread alone is zero in most
    /// directions, and texts that are none of the vectors would lie far off: with 0.2 they lay 2.6 times as far from their means as the
    /// vectors do, with 1 only 1.8 times.
    private static let ridge = 1.0

    /// - Parameters:
    ///   - rows: vectors of one length; `classes` has the class of each.
    ///   - weights: for each class, how much it matters that its mean lies apart.
    init(_ rows: [[Float]], classes: [Int], weights: [Double]) {
        let classCount = weights.count
        let dimension = rows.first?.count ?? 0
        var means = [[Double]](repeating: [Double](repeating: 0, count: dimension), count: classCount)
        var counts = [Double](repeating: 0, count: classCount)
        for (row, place) in zip(rows, classes) {
            counts[place] += 1
            for column in 0..<dimension { means[place][column] += Double(row[column]) }
        }
        for place in 0..<classCount { for column in 0..<dimension { means[place][column] /= max(counts[place], 1) } }
        let present = counts.indices.filter { counts[$0] > 0 }
        let total = max(present.reduce(0) { $0 + weights[$1] }, .leastNonzeroMagnitude)
        let origin = (0..<dimension).map { column in present.reduce(0) { $0 + weights[$1] * means[$1][column] } / total }
        self.origin = origin
        guard dimension > 1, let factor = Self.spread(rows, classes, means) else {
            axes = [Self.unit(dimension, 0), Self.unit(dimension, 1)]
            return
        }
        // In whitened space, the directions of the means, then those of all vectors.
        let between = present.map { place in zip(means[place], origin).map { weights[place].squareRoot() * ($0 - $1) } }
        let within = rows.map { row in zip(row, origin).map { Double($0) - $1 } }
        var white: [[Double]] = []
        for vectors in [between, between, within] where white.count < 2 {
            if let next = Self.strongest(Self.halfSolved(vectors, factor), besides: white) { white.append(next) }
        }
        // A projection u of L⁻¹ x is one of L⁻ᵀ u on x.
        axes = white.map { axis in
            var axis = axis
            factor.transposedHalfSolve(&axis, columns: 1)
            return axis
        } + (white.count..<2).map { Self.unit(dimension, $0) }
    }

    func project(_ row: [Float]) -> (x: Double, y: Double) {
        func along(_ axis: [Double]) -> Double {
            var sum = 0.0
            for column in axis.indices { sum += axis[column] * (Double(row[column]) - origin[column]) }
            return sum
        }
        return (along(axes[0]), along(axes[1]))
    }

    private static func unit(_ dimension: Int, _ place: Int) -> [Double] { (0..<dimension).map { $0 == place ? 1 : 0 } }

    /// The covariance within classes with its ridge.
    private static func spread(_ rows: [[Float]], _ classes: [Int], _ means: [[Double]]) -> CholeskyFactor? {
        let dimension = means[0].count
        let centred = FloatBuffer(count: rows.count * dimension)
        for (place, row) in rows.enumerated() {
            for column in 0..<dimension { centred.pointer[place * dimension + column] = row[column] - Float(means[classes[place]][column]) }
        }
        let gram = FloatBuffer(count: dimension * dimension)
        BLAS.addGram(centred.pointer, rows: rows.count, columns: dimension, into: gram.pointer)
        let trace = (0..<dimension).reduce(0.0) { $0 + Double(gram.pointer[$1 * dimension + $1]) }
        var matrix = (0..<dimension * dimension).map { Double(gram.pointer[$0]) }
        // Also positive when all vectors are the same.
        for column in 0..<dimension { matrix[column * dimension + column] += ridge * trace / Double(dimension) + 1e-6 }
        return CholeskyFactor(matrix, order: dimension)
    }

    /// `L⁻¹ v` for each vector.
    private static func halfSolved(_ vectors: [[Double]], _ factor: CholeskyFactor) -> [[Double]] {
        let (count, order) = (vectors.count, factor.order)
        var columns = [Double](repeating: 0, count: order * count)
        for (place, vector) in vectors.enumerated() { for row in 0..<order { columns[row * count + place] = vector[row] } }
        factor.halfSolve(&columns, columns: count)
        return (0..<count).map { place in (0..<order).map { columns[$0 * count + place] } }
    }

    /// The first principal direction of the vectors that is orthogonal to some; nil where nothing is left.
    private static func strongest(_ vectors: [[Double]], besides taken: [[Double]]) -> [Double]? {
        func withoutTaken(_ vector: [Double]) -> [Double] {
            taken.reduce(vector) { vector, axis in
                let part = zip(vector, axis).reduce(0) { $0 + $1.0 * $1.1 }
                return zip(vector, axis).map { $0 - part * $1 }
            }
        }
        func length(_ vector: [Double]) -> Double { vector.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        let left = vectors.map(withoutTaken)
        guard var axis = left.max(by: { length($0) < length($1) }), length(axis) > 1e-9 else { return nil }
        for _ in 0..<60 {
            var next = [Double](repeating: 0, count: axis.count)
            for vector in left {
                let part = zip(vector, axis).reduce(0) { $0 + $1.0 * $1.1 }
                for column in next.indices { next[column] += part * vector[column] }
            }
            let size = length(next)
            guard size > 0 else { return nil }
            axis = next.map { $0 / size }
        }
        return withoutTaken(axis)
    }
}
