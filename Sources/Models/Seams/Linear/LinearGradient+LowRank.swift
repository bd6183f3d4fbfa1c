internal import Tensors

/// The gradients of low-rank products, with the factors of VeRA and the routers of linear mixtures.
extension LinearGradient {
    /// The low-rank part of a band.
    func differentiate(_ change: Change, _ slopes: UnsafePointer<Float>, x: FloatBuffer, into dx: FloatBuffer?) {
        let (map, rows) = (change.map, change.rows)
        guard let a = map.a else { return }
        guard map.router != nil || map.rankFactors != nil || map.outputFactors != nil else {
            return differentiatePlain(change, a, slopes, x: x, into: dx)
        }
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
        eachSlice(rows) { _, own in Kernels.multiply(low + own.lowerBound * stride, by: map.scale, count: own.count * stride) }
        let input = change.isDropped ? UnsafePointer(dropped.input.pointer) : UnsafePointer(x.pointer)
        pool.run { thread in differentiateMatrices(map, rows, slopes, x: input, thread) }
    }

    /// The low-rank part without factors and router, in one run of the pool.
    private func differentiatePlain(
        _ change: Change, _ a: UnsafePointer<Float>, _ slopes: UnsafePointer<Float>, x: FloatBuffer, into dx: FloatBuffer?
    ) {
        let (map, barrier) = (change.map, pool.barrierFunction)
        let input = change.isDropped ? UnsafePointer(dropped.input.pointer) : UnsafePointer(x.pointer)
        pool.run { thread in
            let own = change.rows.slice(of: thread, threads: pool.threads)
            if !own.isEmpty {
                let low = shrunk.pointer + own.lowerBound * map.paddedRank
                shrink(map, lowRankInput(change, x, own), own, into: low)
                Kernels.multiply(low, by: map.scale, count: own.count * map.paddedRank)
                Kernels.matmul(
                    .init(slopes + own.lowerBound * map.outputs, rowStride: map.outputs),
                    .init(map.backward.pointer, rowStride: map.paddedRank), into: shrunkSlopes.pointer + own.lowerBound * map.paddedRank,
                    cStride: map.paddedRank, rows: own.count, columns: map.paddedRank, depth: map.outputs, adds: false)
                if let dx { addInputSlopes(change, a, own, into: dx.pointer) }
            }
            barrier()
            differentiateMatrices(map, change.rows, slopes, x: input, thread)
        }
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

    /// A thread's part of `dA = Tᵀ x` and of `dB = Gᵀ U`, where U is times s.
    private func differentiateMatrices(
        _ map: TrainableMap, _ rows: Range<Int>, _ slopes: UnsafePointer<Float>, x: UnsafePointer<Float>, _ thread: Int
    ) {
        guard let gradientA = map.gradient.a, let gradientB = map.gradient.b else { return }
        let (outputs, inputs, rank, stride, expertRank) = (map.outputs, map.inputs, map.rank, map.paddedRank, map.expertRank)
        let (low, back) = (shrunk.pointer + rows.lowerBound * stride, shrunkSlopes.pointer + rows.lowerBound * stride)
        let columns = WorkerPool.slice(inputs, of: thread, threads: pool.threads, multiple: 16)
        Kernels.matmul(
            .init(back, rowStride: 1, columnStride: stride), .init(x + rows.lowerBound * inputs + columns.lowerBound, rowStride: inputs),
            into: gradientA + columns.lowerBound, cStride: inputs, rows: rank, columns: columns.count, depth: rows.count, adds: true)
        // B's gradient is made transposed, as ranks are few and outputs fill vectors.
        let own = WorkerPool.slice(outputs, of: thread, threads: pool.threads, multiple: 16)
        let turned = turnedB.pointer + own.lowerBound
        Kernels.matmul(
            .init(low, rowStride: 1, columnStride: stride), .init(slopes + rows.lowerBound * outputs + own.lowerBound, rowStride: outputs),
            into: turned, cStride: outputs, rows: rank, columns: own.count, depth: rows.count, adds: false)
        for index in 0..<rank {
            let target = gradientB + (index / expertRank * outputs + own.lowerBound) * expertRank + index % expertRank
            for output in 0..<own.count { target[output * expertRank] += turned[index * outputs + output] }
        }
    }
}
