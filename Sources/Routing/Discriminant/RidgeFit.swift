internal import Tensors

/// Ridge regression on one-hot targets, and its scores of examples that are left out of the fit.
///
/// With features F `[rows, dimension]` and targets Y, the rules are `W = Yᵀ (F Fᵀ + λ)⁻¹ F`; where there are more rows than dimensions,
/// the same is `W = Yᵀ F (Fᵀ F + λ)⁻¹`. Leaving out rows g needs no second fit: their residual becomes `R⁻¹ r`, with `R` the rows'
/// block of `(F Fᵀ + λ)⁻¹` and `r` the rows of `(F Fᵀ + λ)⁻¹ Y`.
struct RidgeFit {
    /// Chosen on the validation split of CLINC150, with 100 examples an adapter and with 5.
    static let ridge = (byRows: 0.1, byDimensions: 0.03)
    /// Chosen in the same way: with few examples, nearness to them counts more.
    private static let featureScale: (byRows: Float, byDimensions: Float) = (0.7, 1)

    let map: FeatureMap
    /// `[adapters, dimension]`
    let weights: [Float]
    /// For the next fit; nil where there are few rows.
    let sums: FeatureSums?
    private let set: TrainingSet
    private let system: System

    private enum System {
        /// Of `F Fᵀ + λ`, with `(F Fᵀ + λ)⁻¹ Y`, `[rows, adapters]`.
        case rows(CholeskyFactor, dual: [Double])
        /// Of `Fᵀ F + λ`.
        case dimensions(CholeskyFactor.Narrow)
    }

    /// With rows of the set as landmarks, at even strides. Nil without rows, and where the sums are not finite.
    ///
    /// - Parameter previous: the sums of the last fit: what did not change since is not summed again.
    init?(_ set: TrainingSet, previous: FeatureSums? = nil) {
        if let previous, previous.serves(set) {
            self.init(set, map: previous.map, previous: previous)
        } else {
            let isFew = set.count < set.featureDimension + FeatureMap.mostLandmarks.many
            let most = isFew ? FeatureMap.mostLandmarks.few : FeatureMap.mostLandmarks.many
            let landmarks = set.sample(most).map(set.features)
            self.init(
                set,
                map: FeatureMap(
                    landmarks, featureDimension: set.featureDimension, distanceRange: set.distanceRange,
                    featureScale: isFew ? Self.featureScale.byRows : Self.featureScale.byDimensions))
        }
    }

    init?(_ set: TrainingSet, map: FeatureMap, previous: FeatureSums? = nil) {
        guard set.count > 0, set.adapters > 0 else { return nil }
        self.set = set
        self.map = map
        let fitted: (System, [Float])?
        if set.count < map.dimension {
            sums = nil
            fitted = Self.byRows(set, map)
        } else {
            var sums = previous ?? FeatureSums(set, map: map)
            if previous != nil { sums.update(to: set) }
            self.sums = sums
            fitted = Self.byDimensions(set, sums)
        }
        guard let (system, weights) = fitted, weights.allSatisfy(\.isFinite) else { return nil }
        (self.system, self.weights) = (system, weights)
    }

    // MARK: Fitting

    private static func byRows(_ set: TrainingSet, _ map: FeatureMap) -> (System, [Float])? {
        let (rows, dimension, adapters) = (set.count, map.dimension, set.adapters)
        let mapped = mapped(set.groups.indices.flatMap { group in (0..<set.groups[group].count).map { .init(group: group, row: $0) } }, set, map)
        let products = FloatBuffer(count: rows * rows)
        BLAS.multiply(x: mapped.pointer, w: mapped.pointer, into: products.pointer, rows: rows, inputs: dimension, outputs: rows)
        var kernel = (0..<rows * rows).map { Double(products.pointer[$0]) }
        for row in 0..<rows { kernel[row * rows + row] += ridge.byRows }
        guard let factor = CholeskyFactor(kernel, order: rows) else { return nil }
        var dual = [Double](repeating: 0, count: rows * adapters)
        var row = 0
        for group in set.groups {
            if let adapter = group.adapter { for offset in 0..<group.count { dual[(row + offset) * adapters + adapter] = 1 } }
            row += group.count
        }
        factor.solve(&dual, columns: adapters)
        let narrow = FloatBuffer(dual.map { Float($0) })
        let weights = FloatBuffer(count: adapters * dimension)
        BLAS.multiply(transposing: narrow.pointer, by: mapped.pointer, into: weights.pointer, rows: rows, inputs: dimension, outputs: adapters)
        return (.rows(factor, dual: dual), Array(weights))
    }

    private static func byDimensions(_ set: TrainingSet, _ sums: FeatureSums) -> (System, [Float])? {
        let (dimension, adapters) = (sums.map.dimension, set.adapters)
        var matrix = sums.gram.map { Double($0) }
        for index in 0..<dimension { matrix[index * dimension + index] += ridge.byDimensions }
        guard let factor = CholeskyFactor(matrix, order: dimension) else { return nil }
        var right = [Double](repeating: 0, count: dimension * adapters)
        for group in set.groups {
            guard let adapter = group.adapter else { continue }
            for (column, value) in sums.sum(group.name).enumerated() { right[column * adapters + adapter] = Double(value) }
        }
        factor.solve(&right, columns: adapters)
        var weights = [Float](repeating: 0, count: adapters * dimension)
        for adapter in 0..<adapters {
            for column in 0..<dimension { weights[adapter * dimension + column] = Float(right[column * adapters + adapter]) }
        }
        return (.dimensions(factor.narrowed()), weights)
    }

    private static func mapped(_ rows: [TrainingSet.Row], _ set: TrainingSet, _ map: FeatureMap) -> FloatBuffer {
        let mapped = FloatBuffer(count: rows.count * map.dimension)
        let groups = set.groups
        Parallel.forEach(rows.count, piece: 64) { range in
            let row = FloatBuffer(count: set.featureDimension)
            for index in range {
                groups[rows[index].group].features.read(rows[index].row..<rows[index].row + 1, into: row.pointer)
                map.apply(row.pointer, into: mapped.pointer + index * map.dimension)
            }
        }
        return mapped
    }

    // MARK: Leaving out

    /// Scores of rows, `[adapters]` each, as a fit without these rows would give them.
    struct HeldOut {
        /// Each row left out alone.
        var alone: [[Float]]
        /// All of the rows left out together.
        var together: [[Float]]
    }

    /// - Parameter isTogether: whether to leave them all out, too; needs `O(rows³)`.
    func heldOut(_ rows: [TrainingSet.Row], together isTogether: Bool) -> HeldOut {
        let adapters = set.adapters
        let (block, residuals) = system(rows)
        let count = rows.count
        let targets = rows.map { set.groups[$0.group].adapter }
        func score(_ row: Int, _ residual: (Int) -> Double) -> [Float] {
            (0..<adapters).map { Float(($0 == targets[row] ? 1 : 0) - residual($0)) }
        }
        let alone = (0..<count).map { row in
            score(row) { residuals[row * adapters + $0] / block[row * count + row] }
        }
        guard isTogether, let factor = CholeskyFactor(block, order: count) else { return HeldOut(alone: alone, together: []) }
        var solved = residuals
        factor.solve(&solved, columns: adapters)
        return HeldOut(alone: alone, together: (0..<count).map { row in score(row) { solved[row * adapters + $0] } })
    }

    /// `R`, `[rows, rows]`, and `r`, `[rows, adapters]`: see above.
    private func system(_ rows: [TrainingSet.Row]) -> (block: [Double], residuals: [Double]) {
        let (count, adapters) = (rows.count, set.adapters)
        switch system {
        case .rows(let factor, let dual):
            var starts: [Int] = []
            for group in set.groups { starts.append((starts.last ?? 0) + group.count) }
            let places = rows.map { (starts[$0.group] - set.groups[$0.group].count) + $0.row }
            var half = [Double](repeating: 0, count: factor.order * count)
            for (column, place) in places.enumerated() { half[place * count + column] = 1 }
            factor.halfSolve(&half, columns: count)
            let residuals = places.flatMap { dual[$0 * adapters..<($0 + 1) * adapters] }
            let narrow = FloatBuffer(half.map { Float($0) })
            return (Self.gram(narrow, rows: factor.order, columns: count), residuals)
        case .dimensions(let factor):
            let dimension = map.dimension
            let mapped = Self.mapped(rows, set, map)
            let half = FloatBuffer(count: dimension * count)
            for row in 0..<count {
                for column in 0..<dimension { half.pointer[column * count + row] = mapped.pointer[row * dimension + column] }
            }
            factor.halfSolve(half.pointer, columns: count)
            var block = Self.gram(half, rows: dimension, columns: count).map { -$0 }
            for row in 0..<count { block[row * count + row] += 1 }
            let products = FloatBuffer(count: count * adapters)
            weights.withUnsafeBufferPointer { weights in
                guard let weights = weights.baseAddress else { return }
                BLAS.multiply(x: mapped.pointer, w: weights, into: products.pointer, rows: count, inputs: dimension, outputs: adapters)
            }
            let residuals = (0..<count * adapters).map { index in
                let isTarget = set.groups[rows[index / adapters].group].adapter == index % adapters
                return (isTarget ? 1 : 0) - Double(products.pointer[index])
            }
            return (block, residuals)
        }
    }

    /// `xᵀ x` of `[rows, columns]`.
    private static func gram(_ x: FloatBuffer, rows: Int, columns: Int) -> [Double] {
        let products = FloatBuffer(count: columns * columns)
        BLAS.multiply(transposing: x.pointer, by: x.pointer, into: products.pointer, rows: rows, inputs: columns, outputs: columns)
        return (0..<columns * columns).map { Double(products.pointer[$0]) }
    }
}

extension Array where Element == Float {
    fileprivate init(_ buffer: FloatBuffer) { self = Array(UnsafeBufferPointer(start: buffer.pointer, count: buffer.count)) }
}
