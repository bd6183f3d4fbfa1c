internal import Tensors

/// Dropout of low-rank inputs, as PEFT does: `U = A (x * M)` with the mask M of row and map, which backward makes again. So `dA = Tᵀ (x * M)`,
/// and what reaches x through A is multiplied by M. Routers and the base read x itself.
///
/// DoRA: PEFT takes the base's part of the change from the masked input, too. With g the output scale and `Z = W (x * M) + s B U`:
///
///     y = W x - W (x * M) + g * Z + bias    dx = G W + ((G * (g - 1)) W + T A) * M
///
/// where `T = s (G * g) B`, and the sum of `G * Z` is the gradient of g. Each of its maps costs a second product with W each way.
extension LinearGradient {
    /// Scratch, `[rows, width]` each.
    final class DropoutScratch {
        let input = GrowingFloats()
        let slopes = GrowingFloats()
        /// DoRA: products of the base with masked inputs.
        let product = GrowingFloats()
        /// DoRA: slopes that the base multiplies.
        let baseSlopes = GrowingFloats()

        /// Makes room for a step.
        func reserve(_ plan: TrainingPlan, widest: Int) throws(ResourceError) {
            let bands = plan.bands.filter { !$0.dropout.isEmpty }
            if bands.isEmpty { return }
            for own in [input, slopes] { try own.grow(to: plan.rows * widest) }
            guard bands.contains(where: { $0.adapter.maps.values.contains { $0?.magnitude != nil } }) else { return }
            for own in [product, baseSlopes] { try own.grow(to: plan.rows * widest) }
        }
    }

    /// The input of a map's A for some rows of its band, from the first row of the step on: x, or x times their masks.
    func lowRankInput(_ change: Change, _ x: FloatBuffer, _ own: Range<Int>) -> UnsafePointer<Float> {
        guard change.isDropped else { return UnsafePointer(x.pointer) }
        let inputs = change.map.inputs
        for row in own { change.mask(row).multiply(x.pointer + row * inputs, into: dropped.input.pointer + row * inputs, inputs) }
        return UnsafePointer(dropped.input.pointer)
    }

    /// `dx += (T A) * M` of some rows of a band, with T in `shrunkSlopes`.
    func addInputSlopes(_ change: Change, _ a: UnsafePointer<Float>, _ own: Range<Int>, into dx: UnsafeMutablePointer<Float>) {
        if own.isEmpty { return }
        let (inputs, stride) = (change.map.inputs, change.map.paddedRank)
        let target = (change.isDropped ? dropped.slopes.pointer : dx) + own.lowerBound * inputs
        Kernels.matmul(
            .init(shrunkSlopes.pointer + own.lowerBound * stride, rowStride: stride), .init(a, rowStride: inputs), into: target,
            cStride: inputs, rows: own.count, columns: inputs, depth: change.map.rank, adds: !change.isDropped)
        if change.isDropped { addMasked(change, own, into: dx) }
    }

    private func addMasked(_ change: Change, _ own: Range<Int>, into dx: UnsafeMutablePointer<Float>) {
        let inputs = change.map.inputs
        for row in own { change.mask(row).addMultiplied(dropped.slopes.pointer + row * inputs, to: dx + row * inputs, inputs) }
    }

    // MARK: DoRA

    /// `W (x * M)` of bands that drop inputs of DoRA; nothing without one.
    func multiplyMasked(_ changes: [Change], _ place: LinearPlace, x: FloatBuffer, rows: Int) {
        let masked = changes.filter(\.masksBase)
        guard let inputs = masked.first?.map.inputs else { return }
        // Rows of others are multiplied, too, and not read.
        dropped.input.pointer.update(from: x.pointer, count: rows * inputs)
        for change in masked { eachSlice(change.rows) { _, own in _ = lowRankInput(change, x, own) } }
        product.forward(place.layer, [(place.projection, dropped.product.floats)], x: dropped.input.pointer, rows: rows)
    }

    /// `y = W x - W (x * M) + g * Z` of some rows, with `Z` kept in `unscaled`. y is `W x`, and `U` is in `shrunk`.
    func addMaskedDecomposition(_ map: TrainableMap, _ own: Range<Int>, to y: FloatBuffer, _ unscaled: FloatBuffer) {
        guard let scale = map.outputScale else { return }
        let (outputs, rank) = (map.outputs, map.paddedRank)
        let start = own.lowerBound * outputs
        let (target, kept) = (y.pointer + start, unscaled.pointer + start)
        kept.update(from: dropped.product.pointer + start, count: own.count * outputs)
        Kernels.addScaled(kept, by: -1, to: target, count: own.count * outputs)
        expand(map, shrunk.pointer + own.lowerBound * rank, own.count, into: kept, adds: true)
        for row in 0..<own.count { Kernels.addProduct(kept + row * outputs, scale, to: target + row * outputs, count: outputs) }
    }

    /// What the base's product multiplies on the way back: `G * g`, but G where DoRA's base reads masked inputs.
    func baseSlopes(_ g: FloatBuffer, _ scaled: UnsafePointer<Float>, _ changes: [Change], rows: Int) -> UnsafePointer<Float> {
        let masked = changes.filter(\.masksBase)
        guard let outputs = masked.first?.map.outputs else { return scaled }
        let target = dropped.baseSlopes.pointer
        target.update(from: scaled, count: rows * outputs)
        for change in masked {
            let start = change.rows.lowerBound * outputs
            (target + start).update(from: g.pointer + start, count: change.rows.count * outputs)
        }
        return UnsafePointer(target)
    }

    /// `dx += ((G * (g - 1)) W) * M` of DoRA. `scaled` is `G * g`.
    func addMaskedBaseSlopes(
        _ g: FloatBuffer, _ scaled: UnsafePointer<Float>, _ changes: [Change], _ place: LinearPlace, rows: Int, into dx: FloatBuffer
    ) {
        let masked = changes.filter(\.masksBase)
        guard let outputs = masked.first?.map.outputs else { return }
        let target = dropped.baseSlopes.pointer
        target.update(repeating: 0, count: rows * outputs)
        for change in masked {
            let (start, count) = (change.rows.lowerBound * outputs, change.rows.count * outputs)
            (target + start).update(from: scaled + start, count: count)
            Kernels.addScaled(g.pointer + start, by: -1, to: target + start, count: count)
        }
        let matrix = WeightRows(weights, place)
        product.backward(matrix, 0..<outputs, g: target, gStride: outputs, rows: rows, into: dropped.slopes.pointer, adds: false)
        for change in masked { eachSlice(change.rows) { _, own in addMasked(change, own, into: dx.pointer) } }
    }
}

extension LinearGradient.Change {
    var isDropped: Bool { !band.dropout.isEmpty && map.rank > 0 }

    /// DoRA's base reads masked inputs.
    var masksBase: Bool { isDropped && map.magnitude != nil }

    func mask(_ row: Int) -> Dropout.RowMask { band.dropout[row - band.rows.lowerBound].mask(linear: linear) }
}
