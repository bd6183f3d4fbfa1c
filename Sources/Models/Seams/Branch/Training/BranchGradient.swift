internal import Tensors

/// Branches in training: `y += s B A (x - mean)` for a band's rows. With `U = A (x - mean)` and `T = s G B`:
///
///     dB = s Gᵀ U    dA = Tᵀ (x - mean)    dx += T A
///
/// Sums go over a band's rows in their order, and each is made by one thread.
final class BranchGradient {
    private let hidden: Int
    private let pool: WorkerPool
    /// `x - mean`, `[rows, hidden]`.
    private let centred = GrowingFloats()
    // [rows, padded rank]
    private let low = GrowingFloats()
    private let back = GrowingFloats()

    init(_ configuration: DecoderConfiguration, pool: WorkerPool) {
        hidden = configuration.hidden
        self.pool = pool
    }

    /// Makes room for a step. Errors: the system has no memory.
    func prepare(_ plan: TrainingPlan) throws(ResourceError) {
        for branch in plan.bands.flatMap(\.adapter.branches) {
            guard let branch else { continue }
            try low.grow(to: plan.rows * branch.map.paddedRank)
            try back.grow(to: plan.rows * branch.map.paddedRank)
            if branch.mean != nil { try centred.grow(to: plan.rows * hidden) }
        }
    }

    private func each(_ plan: TrainingPlan, _ layer: Int, _ body: (Range<Int>, TrainableBranch) -> Void) {
        for band in plan.bands {
            guard let branch = band.adapter.branches[layer] else { continue }
            body(band.rows, branch)
        }
    }

    /// Of some rows: `U`, and with a mean `x - mean`.
    private func shrink(_ branch: TrainableBranch, _ x: FloatBuffer, _ own: Range<Int>) {
        var input = UnsafePointer(x.pointer)
        if let mean = branch.mean {
            for row in own {
                let target = centred.pointer + row * hidden
                target.update(from: x.pointer + row * hidden, count: hidden)
                for index in 0..<hidden { target[index] -= mean.pointer[index] }
            }
            input = UnsafePointer(centred.pointer)
        }
        let stride = branch.map.paddedRank
        Kernels.matmul(
            .init(input + own.lowerBound * hidden, rowStride: hidden), .init(branch.map.shrinking.pointer, rowStride: stride),
            into: low.pointer + own.lowerBound * stride, cStride: stride, rows: own.count, columns: stride, depth: hidden, adds: false)
    }

    /// Adds to what the feed-forward adds, `[rows, hidden]`; x is the feed-forward's input.
    func forward(_ plan: TrainingPlan, _ layer: Int, x: FloatBuffer, to y: FloatBuffer) {
        each(plan, layer) { rows, branch in
            pool.run { thread in
                let own = rows.slice(of: thread, threads: pool.threads)
                if own.isEmpty { return }
                shrink(branch, x, own)
                Kernels.matmul(
                    .init(low.pointer + own.lowerBound * branch.map.paddedRank, rowStride: branch.map.paddedRank),
                    .init(branch.map.expanding.pointer, rowStride: hidden), into: y.pointer + own.lowerBound * hidden, cStride: hidden,
                    rows: own.count, columns: hidden, depth: branch.map.rank, adds: true)
            }
        }
    }

    /// Adds to the gradients of branches and to that of x.
    ///
    /// - Parameter g: of what the feed-forward adds, `[rows, hidden]`.
    func backward(_ plan: TrainingPlan, _ layer: Int, x: FloatBuffer, g: FloatBuffer, into dx: FloatBuffer) {
        each(plan, layer) { rows, branch in
            let map = branch.map
            guard let a = map.a, let gradientA = map.gradient.a, let gradientB = map.gradient.b else { return }
            let (stride, first) = (map.paddedRank, rows.lowerBound)
            pool.run { thread in
                let own = rows.slice(of: thread, threads: pool.threads)
                if own.isEmpty { return }
                shrink(branch, x, own)
                let (lowRow, backRow) = (low.pointer + own.lowerBound * stride, back.pointer + own.lowerBound * stride)
                Kernels.multiply(lowRow, by: map.scale, count: own.count * stride)
                Kernels.matmul(
                    .init(g.pointer + own.lowerBound * hidden, rowStride: hidden), .init(map.backward.pointer, rowStride: stride),
                    into: backRow, cStride: stride, rows: own.count, columns: stride, depth: hidden, adds: false)
                Kernels.matmul(
                    .init(backRow, rowStride: stride), .init(a, rowStride: hidden), into: dx.pointer + own.lowerBound * hidden,
                    cStride: hidden, rows: own.count, columns: hidden, depth: map.rank, adds: true)
            }
            let input = UnsafePointer(branch.mean == nil ? x.pointer : centred.pointer)
            pool.run { thread in
                let own = (0..<hidden).slice(of: thread, threads: pool.threads)
                Kernels.matmul(
                    .init(back.pointer + first * stride, rowStride: 1, columnStride: stride),
                    .init(input + first * hidden + own.lowerBound, rowStride: hidden), into: gradientA + own.lowerBound, cStride: hidden,
                    rows: map.rank, columns: own.count, depth: rows.count, adds: true)
                Kernels.matmul(
                    .init(g.pointer + first * hidden + own.lowerBound, rowStride: 1, columnStride: hidden),
                    .init(low.pointer + first * stride, rowStride: stride), into: gradientB + own.lowerBound * map.rank, cStride: map.rank,
                    rows: own.count, columns: map.rank, depth: rows.count, adds: true)
            }
        }
    }
}
