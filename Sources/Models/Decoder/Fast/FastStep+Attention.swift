internal import Tensors

extension FastStep {
    /// Queries, keys and values: the products, the heads' norms where the family has them, their rotation to the rows' positions; keys
    /// and values go to the cache. See `sharesHeads` for who does it.
    func projectHeads(_ layer: Int) {
        multiply(layer, .query, into: scratch.query)
        multiply(layer, .key, into: scratch.key)
        multiply(layer, .value, into: scratch.value)
        if !sharesHeads { barrier(after: .queryKeyValue) }
        let weights = layers[layer]
        let rotation = !weights.rotates ? nil : weights.slidingWindow == 0 ? plan.rotation : plan.slidingRotation
        if plan.patchesNorms { return storeBands(layer, weights, rotation) }
        for row in headRows { storeHeads(layer, row, weights.queryNorm, weights.keyNorm, rotation) }
    }

    /// The rows whose heads this thread norms, rotates and stores.
    var headRows: Range<Int> { sharesHeads ? inputSlice : slice }

    /// One row's heads: normed where there are norms, rotated, keys and values stored.
    @inline(__always)
    func storeHeads(
        _ layer: Int, _ row: Int, _ queryNorm: UnsafePointer<Float>?, _ keyNorm: UnsafePointer<Float>?, _ rotation: RowPlan.Rotation?
    ) {
        let place = plan.places[row]
        let query = scratch.query + row * shape.queryWidth
        rotate(query, headShare.queries, queryNorm, row, rotation)
        if let factors = plan.queryFactors {
            let heads = headShare.outputs(headShare.queries)
            Kernels.multiply(query + heads.lowerBound, by: factors[row], count: heads.count)
        }
        let key = scratch.key + row * shape.keyValueWidth
        rotate(key, headShare.keys, keyNorm, row, rotation)
        cache.storeKeys(key, heads: headShare.keys, layer: layer, block: place.block, slot: place.slot)
        cache.storeValues(
            scratch.value + row * shape.keyValueWidth, heads: headShare.values, layer: layer, block: place.block, slot: place.slot)
    }

    /// Some heads of the plan's row `number`: through the heads' norm where there is one, then rotated to the row's position where the layer
    /// does that.
    private func rotate(
        _ row: UnsafeMutablePointer<Float>, _ heads: Range<Int>, _ norm: UnsafePointer<Float>?, _ number: Int,
        _ rotation: RowPlan.Rotation?
    ) {
        let dimension = shape.headDimension
        let first = row + heads.lowerBound * dimension
        if let norm, shape.normsWholeHeads {
            Kernels.rmsNorm(first, weight: norm, epsilon: epsilon, count: heads.count * dimension, into: first)
        } else if let norm {
            for head in 0..<heads.count {
                let x = first + head * dimension
                Kernels.rmsNorm(x, weight: norm, epsilon: epsilon, count: dimension, into: x)
            }
        }
        guard let rotation else { return }
        let rotated = shape.rotaryDimension
        let (cosines, sines) = (rotation.cosines + number * rotated / 2, rotation.sines + number * rotated / 2)
        if rotated == dimension {
            Kernels.rotateHalves(first, heads: heads.count, headDimension: dimension, cosines: cosines, sines: sines)
        } else {
            for head in 0..<heads.count {
                Kernels.rotateHalves(first + head * dimension, heads: 1, headDimension: rotated, cosines: cosines, sines: sines)
            }
        }
    }

    /// This thread's share of all heads of all rows, measured by the positions that they read. It is whole sequences where there are
    /// several, so that no keys are read twice; else heads, and a part of the rows of the head at each end.
    func attend(_ layer: Int) {
        let heads = shape.heads
        let window = layers[layer].slidingWindow
        var total = 0
        for index in 0..<plan.segmentCount { total += heads * cost(plan.segments[index], window) }
        let (begin, end) = (total * thread / threads, total * (thread + 1) / threads)
        var start = 0
        for index in 0..<plan.segmentCount {
            let segment = plan.segments[index]
            let cost = heads * cost(segment, window)
            // The part of the segment's heads times rows, head after head.
            let units = heads * segment.rows
            let first = units * min(max(begin - start, 0), cost) / cost
            let last = units * min(max(end - start, 0), cost) / cost
            start += cost
            guard first < last else { continue }
            let (firstHead, firstRow) = first.quotientAndRemainder(dividingBy: segment.rows)
            let (lastHead, lastRow) = last.quotientAndRemainder(dividingBy: segment.rows)
            if firstHead == lastHead {
                attend(layer, index, firstRow..<lastRow, heads: firstHead..<firstHead + 1)
                continue
            }
            let wholeHeads = firstRow == 0 ? firstHead : firstHead + 1
            if firstRow > 0 { attend(layer, index, firstRow..<segment.rows, heads: firstHead..<firstHead + 1) }
            attend(layer, index, 0..<segment.rows, heads: wholeHeads..<lastHead)
            attend(layer, index, 0..<lastRow, heads: lastHead..<min(lastHead + 1, heads))
        }
    }

    /// The cost of a head of a segment's rows: the positions that they read, plus a constant for each row.
    private func cost(_ segment: RowPlan.Segment, _ window: Int) -> Int {
        let seen = segment.position + (segment.rows + 1) / 2
        return segment.rows * ((window == 0 ? seen : min(seen, window)) + 16)
    }

    private func attend(_ layer: Int, _ index: Int, _ rows: Range<Int>, heads: Range<Int>) {
        guard !rows.isEmpty, !heads.isEmpty else { return }
        let segment = plan.segments[index]
        var next: (table: UnsafePointer<Int32>, positions: Int)?
        if index + 1 < plan.segmentCount {
            let after = plan.segments[index + 1]
            next = (plan.tables + after.table, after.position + after.rows)
        }
        let width = shape.queryWidth
        let start = (segment.firstRow + rows.lowerBound) * width
        let window = layers[layer].slidingWindow
        Kernels.attention(
            queries: scratch.query + start, queryStride: width, rows: rows.count,
            position: segment.position + rows.lowerBound, heads: shape.heads, headRange: heads,
            keyValueHeads: shape.keyValueHeads, headDimension: shape.headDimension,
            scale: shape.attentionScale, sinks: layers[layer].sinks, softCap: shape.attentionSoftCap, layer: cache.layerBase(layer), element: cache.element,
            blockBytes: cache.blockBytes, blockTable: plan.tables + segment.table, next: next,
            slidingWindow: window == 0 ? nil : window, scratch: scratch.attention,
            into: scratch.attended + start, outputStride: width)
    }
}
