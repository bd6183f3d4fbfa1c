internal import Tensors

/// The gradients of low-rank products, with the factors of VeRA and the routers of linear mixtures.
extension LinearGradient {
    /// The low-rank part of a band.
    func differentiate(_ change: Change, _ slopes: UnsafePointer<Float>, x: FloatBuffer, into dx: FloatBuffer?) {
        let (map, rows) = (change.map, change.rows)
        guard let a = map.a else { return }
        let (outputs, inputs, rank, stride) = (map.outputs, map.inputs, map.rank, map.paddedRank)
        let (low, back) = (shrunk.pointer, shrunkSlopes.pointer)
        eachSlice(rows) { _, own in
            if own.isEmpty { return }
            let (lowRow, backRow) = (low + own.lowerBound * stride, back + own.lowerBound * stride)
            var g = slopes + own.lowerBound * outputs
            shrink(map, lowRankInput(change, x, own), own, into: lowRow)
            if let factors = map.outputFactors {
                let target = factored.pointer + own.lowerBound * outputs
                target.update(from: g, count: own.count * outputs)
                for row in 0..<own.count { Kernels.multiply(target + row * outputs, elementwise: factors, count: outputs) }
                g = UnsafePointer(target)
            }
            Kernels.matmul(
                .init(g, rowStride: outputs), .init(map.backward.pointer, rowStride: stride), into: backRow, cStride: stride,
                rows: own.count, columns: stride, depth: outputs, adds: false)
            if let router = map.router {
                differentiateWeights(map, router, own, x: x, balanceWeight: change.band.adapter.balanceWeight)
                if let dx { routed.addInputSlopes(router, own, into: dx.pointer) }
            }
        }
        if let router = map.router {
            pool.run { thread in
                let columns = WorkerPool.slice(inputs, of: thread, threads: pool.threads, multiple: 16)
                routed.addGradient(router, x.pointer, rows, columns: columns)
            }
        }
        if let gradient = map.gradient.rankFactors {
            sum(rows, stride, low, back) { column, sums, count in
                for index in 0..<max(0, min(count, rank - column)) { gradient[column + index] += sums[index] }
            }
        }
        if let factors = map.rankFactors {
            eachSlice(rows) { _, own in
                for row in own { Kernels.multiply(back + row * stride, elementwise: factors, count: rank) }
            }
        }
        if let dx { eachSlice(rows) { _, own in addInputSlopes(change, a, own, into: dx.pointer) } }
        if let gradient = map.gradient.outputFactors {
            let whole = expanded.pointer
            eachSlice(rows) { _, own in
                expandFactored(map, low + own.lowerBound * stride, own.count, into: whole + own.lowerBound * outputs)
            }
            sum(rows, outputs, slopes, whole) { column, sums, count in
                for index in 0..<count { gradient[column + index] += sums[index] }
            }
        }
        differentiateMatrices(map, rows, slopes, x: change.isDropped ? UnsafePointer(dropped.input.pointer) : UnsafePointer(x.pointer))
    }

    /// The gradient of a router's logits; then U and T are multiplied by the weights.
    private func differentiateWeights(_ map: TrainableMap, _ router: TrainableRouter, _ rows: Range<Int>, x: FloatBuffer, balanceWeight: Float) {
        let (stride, rank) = (map.paddedRank, map.expertRank)
        routed.route(router, x.pointer, rows)
        for row in rows {
            let (low, back, slopes) = (shrunk.pointer + row * stride, shrunkSlopes.pointer + row * stride, routed.slopes(row))
            for expert in 0..<map.experts {
                slopes[expert] = Kernels.dot(low + expert * rank, back + expert * rank, count: rank)
            }
        }
        routed.differentiate(router, rows, balances[router], weight: balanceWeight)
        weightExperts(map, rows, of: shrunk)
        weightExperts(map, rows, of: shrunkSlopes)
    }

    /// `dA = Tᵀ x` and `dB = s Gᵀ U`, each thread a part of each.
    private func differentiateMatrices(_ map: TrainableMap, _ rows: Range<Int>, _ slopes: UnsafePointer<Float>, x: UnsafePointer<Float>) {
        guard let gradientA = map.gradient.a, let gradientB = map.gradient.b else { return }
        let (outputs, inputs, rank, stride, expertRank) = (map.outputs, map.inputs, map.rank, map.paddedRank, map.expertRank)
        let (low, back) = (shrunk.pointer + rows.lowerBound * stride, shrunkSlopes.pointer + rows.lowerBound * stride)
        eachSlice(rows) { _, own in
            Kernels.multiply(shrunk.pointer + own.lowerBound * stride, by: map.scale, count: own.count * stride)
        }
        pool.run { thread in
            let columns = WorkerPool.slice(inputs, of: thread, threads: pool.threads, multiple: 16)
            Kernels.matmul(
                .init(back, rowStride: 1, columnStride: stride),
                .init(x + rows.lowerBound * inputs + columns.lowerBound, rowStride: inputs), into: gradientA + columns.lowerBound,
                cStride: inputs, rows: rank, columns: columns.count, depth: rows.count, adds: true)
            let own = WorkerPool.slice(outputs, of: thread, threads: pool.threads, multiple: 8)
            for expert in 0..<map.experts {
                Kernels.matmul(
                    .init(slopes + rows.lowerBound * outputs + own.lowerBound, rowStride: 1, columnStride: outputs),
                    .init(low + expert * expertRank, rowStride: stride),
                    into: gradientB + (expert * outputs + own.lowerBound) * expertRank, cStride: expertRank, rows: own.count,
                    columns: expertRank, depth: rows.count, adds: true)
            }
        }
    }
}
