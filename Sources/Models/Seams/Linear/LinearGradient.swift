internal import Tensors

/// The linear seam in training: `y = o * (W (l * x) + s f * (B (d * (A x)))) + bias` by band, and its gradients. IA³ scales the bias, too.
///
/// With `Z = y` before `o`, `G = dL/dy * o`, `U = A x` and `T = s (G * f) B`:
///
///     do = sum of dL/dy * Z    dB = s Gᵀ U    dA = (T * d)ᵀ x    dd = sum of T * U    df = sum of G * (B (d * U))
///     dx = (G W) * l + (T * d) A    dl = sum of (G W) * x
///
/// The experts of a mixture are one low-rank map whose ranks are multiplied, row by row, by the router's weights w of their experts. In
/// these formulas d is w; the gradient of `w_e` is the sum of `T * U` over e's ranks.
///
/// Sums go over a band's rows in their order, and each is made by one thread.
final class LinearGradient {
    private let configuration: DecoderConfiguration
    let product: BaseProduct
    let pool: WorkerPool
    let weights: DecoderWeights
    private let vectors: DecoderVectors
    // [rows, width] each
    private let scaledInput = GrowingFloats()
    private let scaledSlopes = GrowingFloats()
    let shrunk = GrowingFloats()
    let shrunkSlopes = GrowingFloats()
    let expanded = GrowingFloats()
    let factored = GrowingFloats()
    /// `[rank, outputs]`
    let turnedB = GrowingFloats()
    private let inputSlopes = GrowingFloats()
    let dropped = DropoutScratch()
    let routed = RoutedRows()
    let balances: BalanceRecords

    init(
        _ configuration: DecoderConfiguration, product: BaseProduct, weights: DecoderWeights, pool: WorkerPool, balances: BalanceRecords
    ) {
        self.configuration = configuration
        self.balances = balances
        self.product = product
        self.weights = weights
        self.pool = pool
        vectors = weights.vectors
    }

    /// Makes room for a step. Errors: the system has no memory.
    func prepare(_ plan: TrainingPlan) throws(ResourceError) {
        let rank = plan.bands.reduce(0) { max($0, $1.adapter.largestRank) }
        try shrunk.grow(to: plan.rows * rank)
        try shrunkSlopes.grow(to: plan.rows * rank)
        try turnedB.grow(to: rank * max(configuration.hidden, configuration.queryWidth, configuration.feedForward))
        try routed.reserve(rows: plan.rows, experts: plan.bands.reduce(0) { max($0, $1.adapter.mostExperts) })
        let widest = max(configuration.hidden, configuration.queryWidth, configuration.feedForward)
        try dropped.reserve(plan, widest: widest)
        let maps = plan.bands.flatMap { $0.adapter.maps.values }
        if maps.contains(where: { $0?.inputScale != nil }) {
            try scaledInput.grow(to: plan.rows * widest)
            try inputSlopes.grow(to: plan.rows * widest)
        }
        if maps.contains(where: { $0?.outputScale != nil }) { try scaledSlopes.grow(to: plan.rows * widest) }
        if maps.contains(where: { $0?.outputFactors != nil }) {
            try expanded.grow(to: plan.rows * widest)
            try factored.grow(to: plan.rows * widest)
        }
    }

    /// A band with a change of a map.
    struct Change {
        var band: TrainingPlan.Band
        var map: TrainableMap
        /// The map's number in the model.
        var linear: Int

        var rows: Range<Int> { band.rows }
    }

    private func changes(_ plan: TrainingPlan, _ place: LinearPlace) -> [Change] {
        plan.bands.compactMap { band in band.adapter.maps[place].map { Change(band: band, map: $0, linear: place.index) } }
    }

    /// One run of the pool for a band: each thread gets a slice of its rows.
    func eachSlice(_ rows: Range<Int>, _ body: (_ thread: Int, _ own: Range<Int>) -> Void) {
        withoutActuallyEscaping(body) { body in
            pool.run { thread in
                let own = WorkerPool.slice(rows.count, of: thread, threads: pool.threads)
                body(thread, rows.lowerBound + own.lowerBound..<rows.lowerBound + own.upperBound)
            }
        }
    }

    // MARK: Forward

    /// `y` of maps that read the same x. Of maps that scale outputs, `unscaled` gets the product before it.
    func forward(
        _ plan: TrainingPlan, _ layer: Int, _ maps: [(projection: Projection, y: FloatBuffer)], x: FloatBuffer, _ unscaled: [FloatBuffer]
    ) {
        let rows = plan.rows
        let places = maps.map { LinearPlace(layer, $0.projection) }
        let changed = places.map { changes(plan, $0) }
        if changed.contains(where: { $0.contains { $0.map.inputScale != nil } }) {
            for (map, changes) in zip(maps, changed) {
                product.forward(layer, [map], x: scaled(x, changes, rows: rows, inputs: map.projection.shape(in: configuration).inputs), rows: rows)
            }
        } else {
            product.forward(layer, maps, x: x.pointer, rows: rows)
        }
        for (index, (projection, y)) in maps.enumerated() {
            let outputs = projection.shape(in: configuration).outputs
            let bias = vectors.bias(places[index])
            multiplyMasked(changed[index], places[index], x: x, rows: rows)
            var first = 0
            for change in changed[index] {
                addBias(bias, to: y, first..<change.rows.lowerBound, outputs: outputs)
                first = change.rows.upperBound
                // What is kept of one map at a time.
                guard change.map.router != nil || change.masksBase else { continue }
                eachSlice(change.rows) { _, own in add(change, own, x: x, bias: bias, to: y, unscaled[projection.rawValue]) }
                if let router = change.map.router { balances.add(router, routed, plan, change.band) }
            }
            addBias(bias, to: y, first..<rows, outputs: outputs)
        }
        pool.run { thread in
            for (index, (projection, y)) in maps.enumerated() {
                let bias = vectors.bias(places[index])
                for change in changed[index] where change.map.router == nil && !change.masksBase {
                    let own = change.rows.slice(of: thread, threads: pool.threads)
                    add(change, own, x: x, bias: bias, to: y, unscaled[projection.rawValue])
                }
            }
        }
    }

    private func addBias(_ bias: UnsafePointer<Float>?, to y: FloatBuffer, _ rows: Range<Int>, outputs: Int) {
        guard let bias, !rows.isEmpty else { return }
        eachSlice(rows) { _, own in for row in own { Kernels.add(bias, to: y.pointer + row * outputs, count: outputs) } }
    }

    /// x, times the factors of bands that have some.
    private func scaled(
        _ x: FloatBuffer, _ changes: [Change], rows: Int, inputs: Int
    ) -> UnsafePointer<Float> {
        guard changes.contains(where: { $0.map.inputScale != nil }) else { return UnsafePointer(x.pointer) }
        let target = scaledInput.pointer
        target.update(from: x.pointer, count: rows * inputs)
        for change in changes {
            guard let scale = change.map.inputScale else { continue }
            eachSlice(change.rows) { _, own in
                for row in own { Kernels.multiply(target + row * inputs, elementwise: scale, count: inputs) }
            }
        }
        return UnsafePointer(target)
    }

    /// What an adapter adds to some of its rows of the base's product, its scale, and the base's bias.
    private func add(
        _ change: Change, _ own: Range<Int>, x: FloatBuffer, bias: UnsafePointer<Float>?, to y: FloatBuffer, _ unscaled: FloatBuffer
    ) {
        let map = change.map
        let (outputs, rank) = (map.outputs, map.paddedRank)
        if own.isEmpty { return }
        let target = y.pointer + own.lowerBound * outputs
        if map.rank > 0 {
            let low = shrunk.pointer + own.lowerBound * rank
            shrink(map, lowRankInput(change, x, own), own, into: low)
            if let router = map.router {
                routed.route(router, x.pointer, own)
                weightExperts(map, own, of: shrunk)
            }
            if change.masksBase {
                addMaskedDecomposition(map, own, to: y, unscaled)
            } else if map.outputFactors == nil {
                expand(map, low, own.count, into: target, adds: true)
            } else {
                let whole = expanded.pointer + own.lowerBound * outputs
                expandFactored(map, low, own.count, into: whole)
                for row in 0..<own.count {
                    guard let factors = map.outputFactors else { continue }
                    Kernels.addProduct(whole + row * outputs, factors, to: target + row * outputs, count: outputs)
                }
            }
        }
        if map.scalesBias, let bias { for row in 0..<own.count { Kernels.add(bias, to: target + row * outputs, count: outputs) } }
        if let scale = map.outputScale, !change.masksBase {
            (unscaled.pointer + own.lowerBound * outputs).update(from: target, count: own.count * outputs)
            for row in 0..<own.count { Kernels.multiply(target + row * outputs, elementwise: scale, count: outputs) }
        }
        if !map.scalesBias, let bias { for row in 0..<own.count { Kernels.add(bias, to: target + row * outputs, count: outputs) } }
    }

    /// `w * U`
    func weightExperts(_ map: TrainableMap, _ rows: Range<Int>, of low: GrowingFloats) {
        for row in rows {
            let (line, weights) = (low.pointer + row * map.paddedRank, routed.weights(row))
            for expert in 0..<map.experts {
                Kernels.multiply(line + expert * map.expertRank, by: weights[expert], count: map.expertRank)
            }
        }
    }

    /// `U = A x`
    func shrink(_ map: TrainableMap, _ x: UnsafePointer<Float>, _ own: Range<Int>, into low: UnsafeMutablePointer<Float>) {
        Kernels.matmul(
            .init(x + own.lowerBound * map.inputs, rowStride: map.inputs), .init(map.shrinking.pointer, rowStride: map.paddedRank),
            into: low, cStride: map.paddedRank, rows: own.count, columns: map.paddedRank, depth: map.inputs, adds: false)
    }

    /// `y += s B h`
    func expand(
        _ map: TrainableMap, _ low: UnsafeMutablePointer<Float>, _ rows: Int, into y: UnsafeMutablePointer<Float>, adds: Bool
    ) {
        Kernels.matmul(
            .init(low, rowStride: map.paddedRank), .init(map.expanding.pointer, rowStride: map.outputs), into: y, cStride: map.outputs,
            rows: rows, columns: map.outputs, depth: map.rank, adds: adds)
    }

    /// `B (d * U)`; U is multiplied in place.
    func expandFactored(_ map: TrainableMap, _ low: UnsafeMutablePointer<Float>, _ rows: Int, into y: UnsafeMutablePointer<Float>) {
        if let factors = map.rankFactors {
            for row in 0..<rows { Kernels.multiply(low + row * map.paddedRank, elementwise: factors, count: map.rank) }
        }
        expand(map, low, rows, into: y, adds: false)
    }

    // MARK: Back

    /// Adds to the gradients of the adapters' maps, and makes the gradient of x.
    ///
    /// - Parameters:
    ///   - maps: that read the same x, with the gradients of their outputs, which are not changed.
    ///   - dx: `[rows, inputs]`; nil: not wanted.
    func backward(
        _ plan: TrainingPlan, _ layer: Int, _ maps: [(projection: Projection, g: FloatBuffer)], x: FloatBuffer, _ unscaled: [FloatBuffer],
        into dx: FloatBuffer?
    ) {
        for (index, (projection, g)) in maps.enumerated() {
            let place = LinearPlace(layer, projection)
            let changes = changes(plan, place)
            let slopes = scaleSlopes(g, changes, unscaled[projection.rawValue], rows: plan.rows)
            if dx != nil || changes.contains(where: { $0.map.gradient.inputScale != nil }) {
                let base = baseSlopes(g, slopes, changes, rows: plan.rows)
                differentiateBase(place, changes, base, x: x, rows: plan.rows, into: dx, adds: index > 0)
                if let dx { addMaskedBaseSlopes(g, slopes, changes, place, rows: plan.rows, into: dx) }
            }
            for change in changes where change.map.rank > 0 { differentiate(change, slopes, x: x, into: dx) }
        }
    }

    /// `G`, after the gradients of output scales.
    private func scaleSlopes(
        _ g: FloatBuffer, _ changes: [Change], _ unscaled: FloatBuffer, rows: Int
    ) -> UnsafePointer<Float> {
        guard let outputs = changes.first(where: { $0.map.outputScale != nil })?.map.outputs else { return UnsafePointer(g.pointer) }
        let target = scaledSlopes.pointer
        target.update(from: g.pointer, count: rows * outputs)
        for change in changes {
            let (rows, map) = (change.rows, change.map)
            guard let scale = map.outputScale else { continue }
            if let gradient = map.gradient.outputScale {
                let norms = map.magnitudeNorms
                sum(rows, outputs, target, unscaled.pointer) { column, sums, count in
                    for index in 0..<count {
                        guard let norm = norms?[column + index] else { gradient[column + index] += sums[index]; continue }
                        if norm != 0 { gradient[column + index] += sums[index] / norm }
                    }
                }
            }
            eachSlice(rows) { _, own in for row in own { Kernels.multiply(target + row * outputs, elementwise: scale, count: outputs) } }
        }
        return UnsafePointer(target)
    }

    /// `sum over rows of a * b` by column; each thread has a slice of the columns and hands it to `take`.
    func sum(
        _ rows: Range<Int>, _ columns: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
        take: (_ column: Int, _ sums: UnsafePointer<Float>, _ count: Int) -> Void
    ) {
        withoutActuallyEscaping(take) { take in
            pool.run { thread in
                let own = WorkerPool.slice(columns, of: thread, threads: pool.threads, multiple: 16)
                if own.isEmpty { return }
                let sums = FloatBuffer(count: own.count)
                for row in rows {
                    let start = row * columns + own.lowerBound
                    Kernels.addProduct(a + start, b + start, to: sums.pointer, count: own.count)
                }
                take(own.lowerBound, sums.pointer, own.count)
            }
        }
    }

    /// `dx = (G W) * l`, and the gradient of l.
    private func differentiateBase(
        _ place: LinearPlace, _ changes: [Change], _ slopes: UnsafePointer<Float>, x: FloatBuffer, rows: Int, into dx: FloatBuffer?,
        adds: Bool
    ) {
        let matrix = WeightRows(weights, place)
        let inputs = matrix.inputs
        guard changes.contains(where: { $0.map.inputScale != nil }) else {
            guard let dx else { return }
            return product.backward(
                matrix, 0..<matrix.outputs, g: slopes, gStride: matrix.outputs, rows: rows, into: dx.pointer, adds: adds)
        }
        let own = inputSlopes.pointer
        product.backward(matrix, 0..<matrix.outputs, g: slopes, gStride: matrix.outputs, rows: rows, into: own, adds: false)
        for change in changes {
            let (rows, map) = (change.rows, change.map)
            guard let scale = map.inputScale else { continue }
            if let gradient = map.gradient.inputScale {
                sum(rows, inputs, own, x.pointer) { column, sums, count in
                    for index in 0..<count { gradient[column + index] += sums[index] }
                }
            }
            eachSlice(rows) { _, slice in for row in slice { Kernels.multiply(own + row * inputs, elementwise: scale, count: inputs) } }
        }
        guard let target = dx?.pointer else { return }
        eachSlice(0..<rows) { _, slice in
            let (start, count) = (slice.lowerBound * inputs, slice.count * inputs)
            if adds {
                Kernels.add(own + start, to: target + start, count: count)
            } else {
                (target + start).update(from: own + start, count: count)
            }
        }
    }
}
