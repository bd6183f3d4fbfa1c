internal import Tensors

/// The vocabulary projection of adapters in training, tile by tile: `l = H h + s B (A h)`, then `l[token] = row[token] h` for tokens with a
/// row of their own. With `D = p - [target]`, which is minus the derivative of the target's log-probability by the logits:
///
///     dh = D H + s D B A (D zero at the tokens with rows) + D row    drow = Dᵀ h    dB = s Dᵀ A h    dA = s (D B)ᵀ h
///
/// As the loss's slopes by log-probabilities are known only after all tiles, `D row` and `s D B` are kept by target; B's gradient makes the
/// tiles a third time.
final class HeadGradient {
    private let configuration: DecoderConfiguration
    private let pool: WorkerPool
    // [targets, padded rank]
    private let shrunk = GrowingFloats()
    private let shrunkSlopes = GrowingFloats()
    /// D at the tokens with rows, `[targets, most tokens]`.
    private let tokenSlopes = GrowingFloats()
    private var mostTokens = 0
    private var bands: [Band] = []

    /// Targets of consecutive rows under one adapter that changes its head.
    private struct Band {
        var targets: Range<Int>
        var adapter: TrainableAdapter
        var vocabulary: TrainableVocabulary
    }

    init(_ configuration: DecoderConfiguration, pool: WorkerPool) {
        self.configuration = configuration
        self.pool = pool
    }

    /// Whether some target's head is not the base's.
    var acts: Bool { !bands.isEmpty }
    /// Targets of heads whose B is trained: their tiles are wanted once more.
    var lowRankTargets: [Range<Int>] { bands.filter { $0.vocabulary.head != nil }.map(\.targets) }

    /// Makes room for a step. Errors: the system has no memory.
    func reserve(_ plan: TrainingPlan) throws(ResourceError) {
        let heads = plan.bands.compactMap(\.adapter.vocabulary).filter(\.trainsHead)
        let rank = heads.reduce(0) { max($0, $1.head?.paddedRank ?? 0) }
        try shrunk.grow(to: plan.targets.count * rank)
        try shrunkSlopes.grow(to: plan.targets.count * rank)
        try tokenSlopes.grow(to: plan.targets.count * heads.reduce(0) { max($0, $1.headRows?.tokens.count ?? 0) })
    }

    /// Before the tiles: `A h` of the targets' rows h, `[targets, hidden]`.
    func prepare(_ plan: TrainingPlan, _ normed: UnsafePointer<Float>) {
        bands = []
        for (segment, targets) in zip(plan.segments, plan.targetRanges) where !targets.isEmpty {
            guard let adapter = segment.adapter, let vocabulary = adapter.vocabulary, vocabulary.trainsHead else { continue }
            if let last = bands.last, last.adapter === adapter, last.targets.upperBound == targets.lowerBound {
                bands[bands.count - 1].targets = last.targets.lowerBound..<targets.upperBound
            } else {
                bands.append(Band(targets: targets, adapter: adapter, vocabulary: vocabulary))
            }
        }
        if bands.isEmpty { return }
        mostTokens = bands.reduce(0) { max($0, $1.vocabulary.headRows?.tokens.count ?? 0) }
        let hidden = configuration.hidden
        eachSlice(0..<plan.targets.count) { band, own in
            guard let map = band.vocabulary.head else { return }
            Kernels.matmul(
                .init(normed + own.lowerBound * hidden, rowStride: hidden), .init(map.shrinking.pointer, rowStride: map.paddedRank),
                into: shrunk.pointer + own.lowerBound * map.paddedRank, cStride: map.paddedRank, rows: own.count, columns: map.paddedRank,
                depth: hidden, adds: false)
        }
    }

    /// One run of the pool for each band's share of some targets.
    private func eachSlice(_ targets: Range<Int>, _ body: (Band, Range<Int>) -> Void) {
        withoutActuallyEscaping(body) { body in
            for band in bands {
                let part = band.targets.clamped(to: targets)
                if part.isEmpty { continue }
                pool.run { thread in
                    let own = part.slice(of: thread, threads: pool.threads)
                    if !own.isEmpty { body(band, own) }
                }
            }
        }
    }

    /// Changes the base's logits of a part of the vocabulary; `tile` has the rows of `targets`.
    func change(_ range: Range<Int>, _ tile: UnsafeMutablePointer<Float>, _ targets: Range<Int>, _ normed: UnsafePointer<Float>) {
        let (hidden, vocabulary) = (configuration.hidden, configuration.vocabulary)
        eachSlice(targets) { band, own in
            let lines = tile + (own.lowerBound - targets.lowerBound) * range.count
            if let map = band.vocabulary.head {
                Kernels.matmul(
                    .init(shrunk.pointer + own.lowerBound * map.paddedRank, rowStride: map.paddedRank),
                    .init(map.expanding.pointer + range.lowerBound, rowStride: vocabulary), into: lines, cStride: range.count,
                    rows: own.count, columns: range.count, depth: map.rank, adds: true)
            }
            guard let rows = band.vocabulary.headRows else { return }
            for place in rows.places(range) {
                let (token, values) = (Int(rows.tokens[place]), rows.values + place * hidden)
                for index in own {
                    lines[(index - own.lowerBound) * range.count + token - range.lowerBound] =
                        Kernels.dot(normed + index * hidden, values, count: hidden)
                }
            }
        }
    }

    /// Takes from D what does not go through the base's head, and keeps it.
    func differentiate(_ range: Range<Int>, _ tile: UnsafeMutablePointer<Float>, _ targets: Range<Int>) {
        eachSlice(targets) { band, own in
            let lines = tile + (own.lowerBound - targets.lowerBound) * range.count
            takeTokens(band, range, lines, own, keeps: true)
            guard let map = band.vocabulary.head else { return }
            Kernels.matmul(
                .init(lines, rowStride: range.count), .init(map.backward.pointer + range.lowerBound * map.paddedRank, rowStride: map.paddedRank),
                into: shrunkSlopes.pointer + own.lowerBound * map.paddedRank, cStride: map.paddedRank, rows: own.count,
                columns: map.paddedRank, depth: range.count, adds: range.lowerBound > 0)
        }
    }

    /// Sets D to zero at the tokens with rows.
    private func takeTokens(
        _ band: Band, _ range: Range<Int>, _ lines: UnsafeMutablePointer<Float>, _ own: Range<Int>, keeps: Bool
    ) {
        guard let rows = band.vocabulary.headRows else { return }
        for place in rows.places(range) {
            for index in own {
                let slope = lines + (index - own.lowerBound) * range.count + Int(rows.tokens[place]) - range.lowerBound
                if keeps { tokenSlopes.pointer[index * mostTokens + place] = slope.pointee }
                slope.pointee = 0
            }
        }
    }

    /// After all tiles: adds to the targets' `D H`, `[targets, hidden]`.
    func addSlopes(_ targets: Range<Int>, into slopes: UnsafeMutablePointer<Float>) {
        let hidden = configuration.hidden
        eachSlice(targets) { band, own in
            if let map = band.vocabulary.head, let a = map.a {
                Kernels.matmul(
                    .init(shrunkSlopes.pointer + own.lowerBound * map.paddedRank, rowStride: map.paddedRank), .init(a, rowStride: hidden),
                    into: slopes + own.lowerBound * hidden, cStride: hidden, rows: own.count, columns: hidden, depth: map.rank, adds: true)
            }
            guard let rows = band.vocabulary.headRows else { return }
            Kernels.matmul(
                .init(tokenSlopes.pointer + own.lowerBound * mostTokens, rowStride: mostTokens), .init(rows.values, rowStride: hidden),
                into: slopes + own.lowerBound * hidden, cStride: hidden, rows: own.count, columns: hidden, depth: rows.tokens.count,
                adds: true)
        }
    }

    /// Adds to the gradients of A and of rows, given the loss's slopes by log-probabilities.
    func backward(_ weights: [Float], _ normed: UnsafePointer<Float>) {
        let hidden = configuration.hidden
        for band in bands {
            let targets = band.targets
            eachSlice(targets) { band, own in
                for index in own {
                    if let map = band.vocabulary.head {
                        Kernels.multiply(shrunkSlopes.pointer + index * map.paddedRank, by: -weights[index], count: map.paddedRank)
                    }
                    Kernels.multiply(tokenSlopes.pointer + index * mostTokens, by: -weights[index], count: mostTokens)
                }
            }
            pool.run { thread in
                let columns = (0..<hidden).slice(of: thread, threads: pool.threads)
                let x = Kernels.Operand(normed + targets.lowerBound * hidden + columns.lowerBound, rowStride: hidden)
                if let map = band.vocabulary.head, let gradient = map.gradient.a {
                    Kernels.matmul(
                        .init(shrunkSlopes.pointer + targets.lowerBound * map.paddedRank, rowStride: 1, columnStride: map.paddedRank), x,
                        into: gradient + columns.lowerBound, cStride: hidden, rows: map.rank, columns: columns.count, depth: targets.count,
                        adds: true)
                }
                if let rows = band.vocabulary.headRows {
                    Kernels.matmul(
                        .init(tokenSlopes.pointer + targets.lowerBound * mostTokens, rowStride: 1, columnStride: mostTokens), x,
                        into: rows.gradient + columns.lowerBound, cStride: hidden, rows: rows.tokens.count, columns: columns.count,
                        depth: targets.count, adds: true)
                }
            }
        }
    }

    /// Adds a tile's part to the gradient of B. `tile` is D of one of `lowRankTargets`.
    func differentiateB(_ range: Range<Int>, _ tile: UnsafeMutablePointer<Float>, _ targets: Range<Int>, _ weights: [Float]) {
        eachSlice(targets) { band, own in
            let lines = tile + (own.lowerBound - targets.lowerBound) * range.count
            takeTokens(band, range, lines, own, keeps: false)
            guard let map = band.vocabulary.head else { return }
            for index in own {
                Kernels.multiply(lines + (index - own.lowerBound) * range.count, by: -map.scale * weights[index], count: range.count)
            }
        }
        guard let map = bands.first(where: { $0.targets == targets })?.vocabulary.head, let gradient = map.gradient.b else { return }
        pool.run { thread in
            let outputs = (0..<range.count).slice(of: thread, threads: pool.threads)
            Kernels.matmul(
                .init(tile + outputs.lowerBound, rowStride: 1, columnStride: range.count),
                .init(shrunk.pointer + targets.lowerBound * map.paddedRank, rowStride: map.paddedRank),
                into: gradient + (range.lowerBound + outputs.lowerBound) * map.rank, cStride: map.rank, rows: outputs.count,
                columns: map.rank, depth: targets.count, adds: true)
        }
    }
}
