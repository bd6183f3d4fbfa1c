internal import Glibc

/// Adafactor (Shazeer and Stern 2018) with a given learning rate, as `optim=adafactor` of transformers: no relative steps, no scaling
/// by the weights, no first moment. The squares of a matrix's gradients are kept as means of its rows and columns:
///
///     q = g^2 + 1e-30;  b = 1 - t^-0.8
///     R = b R + (1 - b) row means of q;  C = b C + (1 - b) column means of q
///     u = g / sqrt(R C^T / mean R)          for a vector: V = b V + (1 - b) q, u = g / sqrt(V)
///     w -= rate decay w;  w -= rate u / max(1, rms u)
public enum Adafactor {
    static let decayExponent = -0.8
    static let squareFloor = 1e-30
    static let greatestRMS = 1.0

    /// Columns that are worked on at a time; their sums lie on the stack.
    private static let blockColumns = 64

    /// The factors of one step and group.
    struct Factors {
        var squareKeep: Double
        var rate: Double
        var weightKeep: Double
        var gradientScale: Double
    }

    /// - Parameter step: from 1.
    static func factors(step: Int, rate: Double, weightDecay: Double, gradientScale: Double) -> Factors {
        Factors(
            squareKeep: 1 - pow(Double(step), decayExponent), rate: rate, weightKeep: 1 - rate * weightDecay,
            gradientScale: gradientScale)
    }

    /// One step of a vector. `squares` `[count]` is the state.
    static func update(
        _ weights: UnsafeMutablePointer<Float>, _ gradients: UnsafePointer<Float>, squares: UnsafeMutablePointer<Float>, count: Int,
        _ factors: Factors
    ) {
        let keep = factors.squareKeep
        var sum = 0.0
        for index in 0..<count {
            let gradient = Double(gradients[index]) * factors.gradientScale
            let square = Float(keep * Double(squares[index]) + (1 - keep) * (gradient * gradient + squareFloor))
            squares[index] = square
            sum += gradient * gradient / Double(square)
        }
        let scale = factors.gradientScale * stepSize(sum, count, factors)
        for index in 0..<count {
            let update = scale * Double(gradients[index]) / Double(squares[index]).squareRoot()
            weights[index] = Float(factors.weightKeep * Double(weights[index]) - update)
        }
    }

    /// One step of a matrix `[rows, columns]`. `rowSquares` `[rows]` and `columnSquares` `[columns]` are the state.
    static func update(
        _ weights: UnsafeMutablePointer<Float>, _ gradients: UnsafePointer<Float>, rowSquares: UnsafeMutablePointer<Float>,
        columnSquares: UnsafeMutablePointer<Float>, rows: Int, columns: Int, _ factors: Factors
    ) {
        let rowMean = updateRowSquares(gradients, rowSquares, rows: rows, columns: columns, factors)
        updateColumnSquares(gradients, columnSquares, rows: rows, columns: columns, factors)
        // u = g sqrt(mean R / R) / sqrt C, from f32 as transformers.
        var sum = 0.0
        forEachBlock(columnSquares, columns) { start, count, inverseRoots in
            for row in 0..<rows {
                let rowScale = factors.gradientScale * (rowMean / Double(rowSquares[row])).squareRoot()
                sum += sumOfSquares(gradients + row * columns + start, inverseRoots, count) * (rowScale * rowScale)
            }
        }
        let stepSize = stepSize(sum, rows * columns, factors)
        let keep = Float(factors.weightKeep)
        forEachBlock(columnSquares, columns) { start, count, inverseRoots in
            for row in 0..<rows {
                let rowScale = factors.gradientScale * (rowMean / Double(rowSquares[row])).squareRoot()
                apply(
                    weights + row * columns + start, gradients + row * columns + start, inverseRoots, count, keep: keep,
                    scale: Float(stepSize * rowScale))
            }
        }
    }

    /// The sum of `(values factors)^2`.
    @inline(__always)
    private static func sumOfSquares(
        _ values: UnsafePointer<Float>, _ factors: UnsafeMutablePointer<Float>, _ count: Int
    ) -> Double {
        let whole = count & ~7
        var sums = Lanes(repeating: 0)
        for start in stride(from: 0, to: whole, by: 8) {
            let product = Lanes(values + start) * Lanes(factors + start)
            sums += product * product
        }
        var sum = Double(sums.sum())
        for index in whole..<count {
            let product = Double(values[index] * factors[index])
            sum += product * product
        }
        return sum
    }

    /// `weights = keep weights - scale values factors`.
    @inline(__always)
    private static func apply(
        _ weights: UnsafeMutablePointer<Float>, _ values: UnsafePointer<Float>, _ factors: UnsafeMutablePointer<Float>, _ count: Int,
        keep: Float, scale: Float
    ) {
        let whole = count & ~7
        for start in stride(from: 0, to: whole, by: 8) {
            let update = scale * (Lanes(values + start) * Lanes(factors + start))
            (keep * Lanes(weights + start) - update).store(weights + start)
        }
        for index in whole..<count { weights[index] = keep * weights[index] - scale * (values[index] * factors[index]) }
    }

    /// The rate, divided by the root mean square of the update where that is above 1.
    private static func stepSize(_ sumOfSquares: Double, _ count: Int, _ factors: Factors) -> Double {
        factors.rate / max(1, (sumOfSquares / Double(count)).squareRoot() / greatestRMS)
    }

    /// Returns the mean of the new values.
    private static func updateRowSquares(
        _ gradients: UnsafePointer<Float>, _ rowSquares: UnsafeMutablePointer<Float>, rows: Int, columns: Int, _ factors: Factors
    ) -> Double {
        let scale = factors.gradientScale * factors.gradientScale / Double(columns)
        var sum = 0.0
        for row in 0..<rows {
            let mean = scale * GradientNorm.sumOfSquares(gradients + row * columns, columns) + squareFloor
            let square = Float(factors.squareKeep * Double(rowSquares[row]) + (1 - factors.squareKeep) * mean)
            rowSquares[row] = square
            sum += Double(square)
        }
        return sum / Double(rows)
    }

    private static func updateColumnSquares(
        _ gradients: UnsafePointer<Float>, _ columnSquares: UnsafeMutablePointer<Float>, rows: Int, columns: Int, _ factors: Factors
    ) {
        let scale = factors.gradientScale * factors.gradientScale / Double(rows)
        withUnsafeTemporaryAllocation(of: SIMD8<Double>.self, capacity: blockColumns / 8) { lanes in
            for start in stride(from: 0, to: columns, by: blockColumns) {
                let count = min(blockColumns, columns - start)
                let whole = count & ~7
                lanes.initialize(repeating: SIMD8(repeating: 0))
                for row in 0..<rows {
                    let gradients = gradients + row * columns + start
                    for lane in 0..<whole / 8 {
                        let values = SIMD8<Double>(Lanes(gradients + 8 * lane))
                        lanes[lane] += values * values
                    }
                    for column in whole..<count { lanes[column / 8][column % 8] += Double(gradients[column]) * Double(gradients[column]) }
                }
                for column in 0..<count {
                    let mean = scale * lanes[column / 8][column % 8] + squareFloor
                    let old = Double(columnSquares[start + column])
                    columnSquares[start + column] = Float(factors.squareKeep * old + (1 - factors.squareKeep) * mean)
                }
            }
        }
    }

    /// Calls `body` for consecutive blocks of columns: the first, their number, and `1 / sqrt(columnSquares)` of each.
    private static func forEachBlock(
        _ columnSquares: UnsafeMutablePointer<Float>, _ columns: Int,
        _ body: (_ start: Int, _ count: Int, _ inverseRoots: UnsafeMutablePointer<Float>) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: blockColumns) { inverseRoots in
            guard let base = inverseRoots.baseAddress else { return }
            for start in stride(from: 0, to: columns, by: blockColumns) {
                let count = min(blockColumns, columns - start)
                for column in 0..<count { base[column] = Float(1 / Double(columnSquares[start + column]).squareRoot()) }
                body(start, count, base)
            }
        }
    }
}
