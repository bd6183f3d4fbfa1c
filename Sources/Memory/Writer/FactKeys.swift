internal import Models
internal import Tensors

/// The key vectors of facts in closed form: ridge regression of "which token of the answer is next" on what the feed-forward reads.
///
/// With the rows X of a fact's wordings, less the calibrated mean, and the calibrated covariance C: `K = X C⁻¹ Xᵀ` and
/// `A = rho Eᵀ (K + lambda I)⁻¹ X C⁻¹`, where E says for each row its place in the answer. The last prompt tokens of unrelated prompts
/// are further rows of little weight with place 0.
struct FactKeys {
    /// `lambda`; from 0.1 to 10 the results are alike.
    static let ridge = 1.0
    /// Of the unrelated prompts' rows.
    static let promptWeight: Float = 0.3

    private let calibration: MemoryCalibration
    private let hidden: Int

    init(_ calibration: MemoryCalibration) { (self.calibration, hidden) = (calibration, calibration.hidden) }

    /// A, `[places, hidden]`. Errors: `invalid` rows that make no system of equations that can be solved.
    ///
    /// - Parameters:
    ///   - rows: of x, `[sequences * places, hidden]`, sequence after sequence.
    ///   - places: tokens of the answer.
    func solve(_ rows: UnsafePointer<Float>, sequences: Int, places: Int, pool: WorkerPool) throws(MemoryError) -> [Float] {
        let (own, prompts) = (sequences * places, calibration.promptCount)
        let count = own + prompts
        let (barrier, hidden) = (pool.barrierFunction, hidden)
        let x = FloatBuffer(count: count * hidden)
        for row in 0..<own { subtract(rows + row * hidden, into: x.pointer + row * hidden, weight: 1) }
        calibration.prompts.withUnsafeBufferPointer { prompts in
            guard let start = prompts.baseAddress else { return }
            for row in own..<count { subtract(start + (row - own) * hidden, into: x.pointer + row * hidden, weight: Self.promptWeight) }
        }
        let product = FloatBuffer(count: count * hidden)
        let gram = FloatBuffer(count: count * count)
        let turned = FloatBuffer(count: hidden * count)
        pool.run { thread in
            pool.giveWay()
            // X C⁻¹, and X transposed.
            let slice = WorkerPool.slice(count, of: thread, threads: pool.threads)
            Kernels.matmul(
                .init(x.pointer + slice.lowerBound * hidden, rowStride: hidden), .init(calibration.inverse.pointer, rowStride: hidden),
                into: product.pointer + slice.lowerBound * hidden, cStride: hidden, rows: slice.count, columns: hidden, depth: hidden,
                adds: false)
            for row in slice { for index in 0..<hidden { turned.pointer[index * count + row] = x.pointer[row * hidden + index] } }
            barrier()
            Kernels.matmul(
                .init(product.pointer + slice.lowerBound * hidden, rowStride: hidden), .init(turned.pointer, rowStride: count),
                into: gram.pointer + slice.lowerBound * count, cStride: count, rows: slice.count, columns: count, depth: hidden,
                adds: false)
        }
        var matrix = (0..<count * count).map { Double(gram.pointer[$0]) }
        for row in 0..<count { matrix[row * count + row] += Self.ridge }
        guard matrix.allSatisfy(\.isFinite), let factor = CholeskyFactor(matrix, order: count) else {
            throw MemoryError(.invalid, "the keys of a fact cannot be solved: its rows are not finite")
        }
        var solution = [Double](repeating: 0, count: count * places)
        for row in 0..<own { solution[row * places + row % places] = 1 }
        for row in own..<count { solution[row * places] = Double(Self.promptWeight) }
        factor.solve(&solution, columns: places)
        let alpha = FloatBuffer(solution.map { Float($0) * calibration.residualScale })
        let keys = FloatBuffer(count: places * hidden)
        pool.run { thread in
            let columns = WorkerPool.slice(hidden, of: thread, threads: pool.threads, multiple: 16)
            Kernels.matmul(
                .init(alpha.pointer, rowStride: 1, columnStride: places), .init(product.pointer + columns.lowerBound, rowStride: hidden),
                into: keys.pointer + columns.lowerBound, cStride: hidden, rows: places, columns: columns.count, depth: count, adds: false)
        }
        return Array(UnsafeBufferPointer(start: keys.pointer, count: places * hidden))
    }

    private func subtract(_ row: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, weight: Float) {
        for index in 0..<hidden { target[index] = weight * (row[index] - calibration.mean[index]) }
    }
}
