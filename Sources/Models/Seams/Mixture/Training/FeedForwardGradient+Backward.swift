internal import Tensors

/// The way back: from the slopes of what the feed-forward adds to the gradients of experts, routers and the base's inputs.
extension FeedForwardGradient {
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
                case .clamped: preconditionFailure(DecoderConfiguration.clampedIsNotTuned)
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
