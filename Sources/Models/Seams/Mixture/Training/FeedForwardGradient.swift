internal import Tensors

/// Mixtures in place of the feed-forward in training (MixLoRA). For a row h, its chosen experts e and their weights w:
///
///     u_e = activation(gate + s B_e A_e h) * (up + s B_e A_e h)      y = W_down (sum of w_e u_e) + sum of w_e s B_e (A_e u_e)
///
/// with the base's gate, up and down, which run once a row. Back, with `V = dy W_down` and `T_e = s dy B_e` of the down projection:
///
///     dw_e = ⟨V, u_e⟩ + ⟨T_e, A_e u_e⟩      du_e = w_e (V + T_e A_e)
///
/// and the base's gate and up get the sums of their experts' gradients. Down's experts act densely: a row's `A_e u_e` are zero for those
/// that it did not choose. Sums go over a band's rows in their order, and each is made by one thread. `FeedForwardGradient+Dropout` has
/// what changes where inputs are dropped.
final class FeedForwardGradient {
    let configuration: DecoderConfiguration
    let vectors: DecoderVectors
    private let pool: WorkerPool
    let balances: BalanceRecords
    let routed = RoutedRows()
    private(set) var bands: [ExpertEntries] = []
    let dropped = DropoutScratch()
    // [entries, feedForward]
    let gate = GrowingFloats()
    let up = GrowingFloats()
    /// `u_e`, then its gradient.
    let activated = GrowingFloats()
    /// `A_e u_e` of the down projection, `[entries, rank]`.
    let entryDown = GrowingFloats()
    // [entries, rank]: of one projection at a time.
    let entryLow = GrowingFloats()
    let entryBack = GrowingFloats()
    // [rows, padded rank of all experts]
    let gateLow = GrowingFloats()
    let upLow = GrowingFloats()
    let downLow = GrowingFloats()
    let gateBack = GrowingFloats()
    let upBack = GrowingFloats()
    let downBack = GrowingFloats()

    var width: Int { configuration.feedForward }
    var hidden: Int { configuration.hidden }

    init(_ weights: DecoderWeights, pool: WorkerPool, balances: BalanceRecords) {
        configuration = weights.configuration
        vectors = weights.vectors
        self.pool = pool
        self.balances = balances
    }

    /// Makes room for a step, as if every row chose as many experts as it can. Errors: the system has no memory.
    func prepare(_ plan: TrainingPlan) throws(ResourceError) {
        let mixtures = plan.bands.flatMap { $0.adapter.feedForwards.compactMap { $0 } }
        try routed.reserve(rows: plan.rows, experts: mixtures.reduce(0) { max($0, $1.router.experts) })
        let rank = mixtures.flatMap(\.maps).reduce(0) { max($0, $1.paddedRank) }
        for own in [gateLow, upLow, downLow, gateBack, upBack, downBack] { try own.grow(to: plan.rows * rank) }
        let entries = (0..<configuration.layers).reduce(0) { most, layer in
            max(
                most,
                plan.bands.reduce(0) { sum, band in
                    let router = band.adapter.feedForwards[layer]?.router
                    return sum + band.rows.count * (router.map { $0.selection.most(of: $0.experts) } ?? 0)
                })
        }
        let expertRank = mixtures.flatMap(\.maps).reduce(0) { max($0, $1.expertRank) }
        for own in [gate, up, activated] { try own.grow(to: entries * width) }
        for own in [entryDown, entryLow, entryBack] { try own.grow(to: entries * expertRank) }
        if plan.bands.contains(where: { !$0.dropout.isEmpty }) { try dropped.reserve(entries: entries, widest: max(width, hidden)) }
    }

    /// Whether some band has a mixture in a layer.
    private func acts(_ plan: TrainingPlan, _ layer: Int) -> Bool { plan.bands.contains { $0.adapter.feedForwards[layer] != nil } }

    /// One run of the pool: each thread gets a slice of the rows.
    func eachSlice(_ rows: Range<Int>, _ body: (Range<Int>) -> Void) {
        withoutActuallyEscaping(body) { body in
            pool.run { thread in body(rows.slice(of: thread, threads: pool.threads)) }
        }
    }

    /// One run of the pool: each thread gets a slice of every expert's entries.
    func eachGroup(_ band: ExpertEntries, _ body: (_ expert: Int, _ entries: Range<Int>) -> Void) {
        withoutActuallyEscaping(body) { body in
            pool.run { thread in
                for (expert, group) in band.groups.enumerated() {
                    let own = group.slice(of: thread, threads: pool.threads)
                    if !own.isEmpty { body(expert, own) }
                }
            }
        }
    }

    // MARK: Forward

    /// After the base's gate and up were made of `feedForwardInput`: sets the rows of mixtures in `activated` to the sum of `w_e u_e`.
    func forward(_ plan: TrainingPlan, _ layer: Int, _ own: LayerActivations) {
        bands = []
        guard acts(plan, layer) else { return }
        for band in plan.bands {
            guard let mixture = band.adapter.feedForwards[layer] else { continue }
            eachSlice(band.rows) { rows in routed.route(mixture.router, own.feedForwardInput.pointer, rows) }
            balances.add(mixture.router, routed, plan, band)
            bands.append(ExpertEntries(band, mixture, routed, layer: layer, first: bands.last?.end ?? 0))
        }
        for band in bands { forward(band, own) }
    }

    private func forward(_ band: ExpertEntries, _ own: LayerActivations) {
        let (mixture, width) = (band.mixture, width)
        let h = own.feedForwardInput.pointer
        eachSlice(band.band.rows) { rows in
            if rows.isEmpty || band.isDropped { return }
            for (map, low) in [(mixture.gate, gateLow), (mixture.up, upLow)] {
                guard let map else { continue }
                Kernels.matmul(
                    .init(h + rows.lowerBound * map.inputs, rowStride: map.inputs), .init(map.shrinking.pointer, rowStride: map.paddedRank),
                    into: low.pointer + rows.lowerBound * map.paddedRank, cStride: map.paddedRank, rows: rows.count,
                    columns: map.paddedRank, depth: map.inputs, adds: false)
            }
        }
        eachGroup(band) { expert, entries in
            for (projection, map, low, base, target) in [
                (Projection.gate, mixture.gate, gateLow, own.gate, gate), (.up, mixture.up, upLow, own.up, up),
            ] {
                for entry in entries {
                    (target.pointer + entry * width).update(from: base.pointer + band.row(entry) * width, count: width)
                }
                if let map { expand(map, projection, expert, band, entries, low, h, into: target) }
            }
            for entry in entries { activate(entry) }
            guard let map = mixture.down else { return }
            let rank = map.expertRank
            let (u, stride) = downInput(expert, band, entries)
            Kernels.matmul(
                .init(u + entries.lowerBound * stride, rowStride: stride),
                .init(map.shrinking.pointer + expert * rank, rowStride: map.paddedRank), into: entryDown.pointer + entries.lowerBound * rank,
                cStride: rank, rows: entries.count, columns: rank, depth: width, adds: false)
        }
        eachSlice(band.band.rows) { rows in for row in rows { join(row, band, own) } }
    }

    /// `target += s B_e (A_e h)` of an expert's entries.
    private func expand(
        _ map: TrainableMap, _ projection: Projection, _ expert: Int, _ band: ExpertEntries, _ entries: Range<Int>, _ low: GrowingFloats,
        _ h: UnsafePointer<Float>, into target: GrowingFloats
    ) {
        let rank = map.expertRank
        gather(map, projection, expert, band, entries, low, h)
        Kernels.matmul(
            .init(entryLow.pointer + entries.lowerBound * rank, rowStride: rank),
            .init(map.expanding.pointer + expert * rank * map.outputs, rowStride: map.outputs),
            into: target.pointer + entries.lowerBound * width, cStride: width, rows: entries.count, columns: width, depth: rank, adds: true)
    }

    /// An expert's part of rows' `A h`, entry by entry.
    func gather(
        _ map: TrainableMap, _ projection: Projection, _ expert: Int, _ band: ExpertEntries, _ entries: Range<Int>, _ low: GrowingFloats,
        _ h: UnsafePointer<Float>
    ) {
        let rank = map.expertRank
        if band.isDropped { return shrinkMasked(map, projection, expert, band, entries, h) }
        for entry in entries {
            (entryLow.pointer + entry * rank).update(
                from: low.pointer + band.row(entry) * map.paddedRank + expert * rank, count: rank)
        }
    }

    private func activate(_ entry: Int) {
        let (gate, up, u) = (gate.pointer + entry * width, up.pointer + entry * width, activated.pointer + entry * width)
        switch configuration.activation {
        case .silu: Kernels.siluMultiply(gate: gate, up: up, count: width, into: u)
        case .geluTanh: Kernels.geluTanhMultiply(gate: gate, up: up, count: width, into: u)
        case .clamped: preconditionFailure(DecoderConfiguration.clampedIsNotTuned)
        }
    }

    /// A row's sums over its experts.
    private func join(_ row: Int, _ band: ExpertEntries, _ own: LayerActivations) {
        let (target, weights, width) = (own.activated.pointer + row * width, routed.weights(row), width)
        target.update(repeating: 0, count: width)
        band.each(ofRow: row) { expert, entry in
            Kernels.addScaled(activated.pointer + entry * width, by: weights[expert], to: target, count: width)
        }
        guard let map = band.mixture.down else { return }
        let (low, rank) = (downLow.pointer + row * map.paddedRank, map.expertRank)
        low.update(repeating: 0, count: map.paddedRank)
        band.each(ofRow: row) { expert, entry in
            for index in 0..<rank { low[expert * rank + index] = weights[expert] * entryDown.pointer[entry * rank + index] }
        }
    }

    /// After the base's down projection of `activated`, with its bias: adds the experts' terms.
    func addDown(_ layer: Int, to y: FloatBuffer) {
        for band in bands {
            let bias = vectors.bias(LinearPlace(layer, .down))
            eachSlice(band.band.rows) { rows in
                if rows.isEmpty { return }
                if let bias {
                    // A row has the bias as often as its weights sum to.
                    for row in rows {
                        var excess = Float(-1)
                        band.each(ofRow: row) { expert, _ in excess += routed.weights(row)[expert] }
                        Kernels.addScaled(bias, by: excess, to: y.pointer + row * hidden, count: hidden)
                    }
                }
                guard let map = band.mixture.down else { return }
                Kernels.matmul(
                    .init(downLow.pointer + rows.lowerBound * map.paddedRank, rowStride: map.paddedRank),
                    .init(map.expanding.pointer, rowStride: hidden), into: y.pointer + rows.lowerBound * hidden, cStride: hidden,
                    rows: rows.count, columns: hidden, depth: map.rank, adds: true)
            }
        }
    }
}
