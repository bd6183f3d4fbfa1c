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
    private let configuration: DecoderConfiguration
    private let vectors: DecoderVectors
    private let pool: WorkerPool
    private let balances: BalanceRecords
    private let routed = RoutedRows()
    private var bands: [ExpertEntries] = []
    let dropped = DropoutScratch()
    // [entries, feedForward]
    private let gate = GrowingFloats()
    private let up = GrowingFloats()
    /// `u_e`, then its gradient.
    let activated = GrowingFloats()
    /// `A_e u_e` of the down projection, `[entries, rank]`.
    private let entryDown = GrowingFloats()
    // [entries, rank]: of one projection at a time.
    let entryLow = GrowingFloats()
    let entryBack = GrowingFloats()
    // [rows, padded rank of all experts]
    private let gateLow = GrowingFloats()
    private let upLow = GrowingFloats()
    private let downLow = GrowingFloats()
    private let gateBack = GrowingFloats()
    private let upBack = GrowingFloats()
    private let downBack = GrowingFloats()

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
    private func gather(
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

    // MARK: Back

    /// Adds to the gradients of mixtures, and sets their rows in the gradients of the base's gate and up.
    ///
    /// - Parameters:
    ///   - dy: of what the feed-forward adds, `[rows, hidden]`.
    ///   - back: `activated` is `dy W_down`.
    func backward(_ layer: Int, dy: FloatBuffer, _ own: LayerActivations, _ back: LayerGradients) {
        for band in bands {
            differentiateWeights(band, layer, dy: dy, back.activated)
            differentiateRouter(band, own.feedForwardInput)
            if let map = band.mixture.down { differentiateDown(map, band, dy: dy) }
            differentiateActivation(band, back)
            for (projection, map, slopes, low, dense) in [
                (Projection.gate, band.mixture.gate, gate, gateLow, gateBack), (.up, band.mixture.up, up, upLow, upBack),
            ] {
                if let map { differentiate(map, projection, band, slopes, low, dense, own.feedForwardInput) }
            }
        }
    }

    /// The gradients of the experts' weights, and `w_e T_e` of the down projection.
    private func differentiateWeights(_ band: ExpertEntries, _ layer: Int, dy: FloatBuffer, _ v: FloatBuffer) {
        let (hidden, width, map) = (hidden, width, band.mixture.down)
        let bias = vectors.bias(LinearPlace(layer, .down))
        eachSlice(band.band.rows) { rows in
            guard let map, !rows.isEmpty else { return }
            Kernels.matmul(
                .init(dy.pointer + rows.lowerBound * hidden, rowStride: hidden), .init(map.backward.pointer, rowStride: map.paddedRank),
                into: downBack.pointer + rows.lowerBound * map.paddedRank, cStride: map.paddedRank, rows: rows.count,
                columns: map.paddedRank, depth: hidden, adds: false)
        }
        eachGroup(band) { expert, entries in
            for entry in entries {
                let row = band.row(entry)
                var slope = Kernels.dot(v.pointer + row * width, activated.pointer + entry * width, count: width)
                if let bias { slope += Kernels.dot(dy.pointer + row * hidden, bias, count: hidden) }
                if let map {
                    let (rank, weight) = (map.expertRank, routed.weights(row)[expert])
                    let (from, to) = (downBack.pointer + row * map.paddedRank + expert * rank, entryBack.pointer + entry * rank)
                    slope += Kernels.dot(from, entryDown.pointer + entry * rank, count: rank)
                    for index in 0..<rank { to[index] = weight * from[index] }
                }
                routed.slopes(row)[expert] = slope
            }
        }
        // du = w (V + T A), over u, once A's gradient has read u.
        if let map { differentiateA(map, band) }
        eachGroup(band) { expert, entries in
            for entry in entries {
                let (row, du) = (band.row(entry), activated.pointer + entry * width)
                du.update(from: v.pointer + row * width, count: width)
                Kernels.multiply(du, by: routed.weights(row)[expert], count: width)
            }
            guard let map, let a = map.a else { return }
            let rank = map.expertRank
            if band.isDropped { return addMaskedDownSlopes(map, a, expert, band, entries) }
            Kernels.matmul(
                .init(entryBack.pointer + entries.lowerBound * rank, rowStride: rank), .init(a + expert * rank * width, rowStride: width),
                into: activated.pointer + entries.lowerBound * width, cStride: width, rows: entries.count, columns: width, depth: rank,
                adds: true)
        }
    }

    private func differentiateRouter(_ band: ExpertEntries, _ h: FloatBuffer) {
        let (router, rows) = (band.mixture.router, band.band.rows)
        eachSlice(rows) { rows in
            routed.differentiate(router, rows, balances[router], weight: band.band.adapter.balanceWeight)
        }
        eachSlice(0..<hidden) { columns in routed.addGradient(router, h.pointer, rows, columns: columns) }
    }

    /// Down: `dA_e = sum of (w_e T_e)ᵀ u_e`.
    private func differentiateA(_ map: TrainableMap, _ band: ExpertEntries) {
        guard let gradient = map.gradient.a else { return }
        let (rank, width) = (map.expertRank, width)
        if band.isDropped { eachGroup(band) { expert, entries in _ = downInput(expert, band, entries) } }
        let (u, stride) = band.isDropped ? (dropped.input.pointer, dropped.stride) : (activated.pointer, width)
        eachSlice(0..<width) { columns in
            for (expert, group) in band.groups.enumerated() where !group.isEmpty {
                Kernels.matmul(
                    .init(entryBack.pointer + group.lowerBound * rank, rowStride: 1, columnStride: rank),
                    .init(u + group.lowerBound * stride + columns.lowerBound, rowStride: stride),
                    into: gradient + expert * rank * width + columns.lowerBound, cStride: width, rows: rank, columns: columns.count,
                    depth: group.count, adds: true)
            }
        }
    }

    /// Down: `dB_e = s sum of dyᵀ (w_e A_e u_e)`.
    private func differentiateDown(_ map: TrainableMap, _ band: ExpertEntries, dy: FloatBuffer) {
        guard let gradient = map.gradient.b else { return }
        let (rank, stride, rows, hidden) = (map.expertRank, map.paddedRank, band.band.rows, hidden)
        Kernels.multiply(downLow.pointer + rows.lowerBound * stride, by: map.scale, count: rows.count * stride)
        eachSlice(0..<hidden) { outputs in
            for expert in 0..<band.experts {
                Kernels.matmul(
                    .init(dy.pointer + rows.lowerBound * hidden + outputs.lowerBound, rowStride: 1, columnStride: hidden),
                    .init(downLow.pointer + rows.lowerBound * stride + expert * rank, rowStride: stride),
                    into: gradient + (expert * hidden + outputs.lowerBound) * rank, cStride: rank, rows: outputs.count, columns: rank,
                    depth: rows.count, adds: true)
            }
        }
    }

    /// Turns `gate` and `up` into their gradients, and sums them for the base.
    private func differentiateActivation(_ band: ExpertEntries, _ back: LayerGradients) {
        let width = width
        eachGroup(band) { _, entries in
            for entry in entries {
                let (gate, up, du) = (gate.pointer + entry * width, up.pointer + entry * width, activated.pointer + entry * width)
                switch configuration.activation {
                case .silu: Kernels.siluMultiplyGradient(gate: gate, up: up, dy: du, count: width, gateGradient: gate, upGradient: up)
                case .geluTanh:
                    Kernels.geluTanhMultiplyGradient(gate: gate, up: up, dy: du, count: width, gateGradient: gate, upGradient: up)
                }
            }
        }
        eachSlice(band.band.rows) { rows in
            for row in rows {
                for (slopes, target) in [(gate, back.gate.pointer + row * width), (up, back.up.pointer + row * width)] {
                    target.update(repeating: 0, count: width)
                    band.each(ofRow: row) { _, entry in Kernels.add(slopes.pointer + entry * width, to: target, count: width) }
                }
            }
        }
    }

    /// Gate or up, with the gradients of its entries' outputs: `T_e = s G B_e`, `dB_e = s Gᵀ (A_e h)`, `dA_e = T_eᵀ h`.
    private func differentiate(
        _ map: TrainableMap, _ projection: Projection, _ band: ExpertEntries, _ slopes: GrowingFloats, _ low: GrowingFloats,
        _ dense: GrowingFloats, _ h: FloatBuffer
    ) {
        guard let gradientA = map.gradient.a, let gradientB = map.gradient.b else { return }
        let (rank, stride, rows, width, hidden) = (map.expertRank, map.paddedRank, band.band.rows, width, hidden)
        eachGroup(band) { expert, entries in
            gather(map, projection, expert, band, entries, low, h.pointer)
            Kernels.multiply(entryLow.pointer + entries.lowerBound * rank, by: map.scale, count: entries.count * rank)
            Kernels.matmul(
                .init(slopes.pointer + entries.lowerBound * width, rowStride: width),
                .init(map.backward.pointer + expert * rank, rowStride: stride), into: entryBack.pointer + entries.lowerBound * rank,
                cStride: rank, rows: entries.count, columns: rank, depth: width, adds: false)
        }
        eachSlice(rows) { rows in
            for row in rows {
                let target = dense.pointer + row * stride
                target.update(repeating: 0, count: stride)
                band.each(ofRow: row) { expert, entry in
                    (target + expert * rank).update(from: entryBack.pointer + entry * rank, count: rank)
                }
            }
        }
        eachSlice(0..<width) { outputs in
            for (expert, group) in band.groups.enumerated() where !group.isEmpty {
                Kernels.matmul(
                    .init(slopes.pointer + group.lowerBound * width + outputs.lowerBound, rowStride: 1, columnStride: width),
                    .init(entryLow.pointer + group.lowerBound * rank, rowStride: rank),
                    into: gradientB + (expert * width + outputs.lowerBound) * rank, cStride: rank, rows: outputs.count, columns: rank,
                    depth: group.count, adds: true)
            }
        }
        if band.isDropped { return addMaskedGradient(gradientA, map, band) }
        eachSlice(0..<hidden) { columns in
            Kernels.matmul(
                .init(dense.pointer + rows.lowerBound * stride, rowStride: 1, columnStride: stride),
                .init(h.pointer + rows.lowerBound * hidden + columns.lowerBound, rowStride: hidden), into: gradientA + columns.lowerBound,
                cStride: hidden, rows: map.rank, columns: columns.count, depth: rows.count, adds: true)
        }
    }

    /// After the base's gate and up were differentiated: adds what comes through the experts and the routers.
    func addInputSlopes(into dx: FloatBuffer) {
        let hidden = hidden
        for band in bands {
            if band.isDropped {
                for (projection, map, back) in [(Projection.gate, band.mixture.gate, gateBack), (.up, band.mixture.up, upBack)] {
                    if let map { addMaskedInputSlopes(map, projection, band, back, into: dx) }
                }
            }
            eachSlice(band.band.rows) { rows in
                if rows.isEmpty { return }
                for (map, back) in [(band.mixture.gate, gateBack), (band.mixture.up, upBack)] where !band.isDropped {
                    guard let map, let a = map.a else { continue }
                    Kernels.matmul(
                        .init(back.pointer + rows.lowerBound * map.paddedRank, rowStride: map.paddedRank), .init(a, rowStride: hidden),
                        into: dx.pointer + rows.lowerBound * hidden, cStride: hidden, rows: rows.count, columns: hidden, depth: map.rank,
                        adds: true)
                }
                routed.addInputSlopes(band.mixture.router, rows, into: dx.pointer)
            }
        }
    }
}
