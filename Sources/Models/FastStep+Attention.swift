internal import Tensors

extension FastStep {
    /// This thread's rows: norms the heads where the family does, turns them to their positions, stores keys and values.
    func rotateAndStore(_ layer: Int) {
        let half = shape.headDimension / 2
        let weights = layers[layer]
        for row in slice {
            let query = scratch.query + row * shape.queryWidth
            let key = scratch.key + row * shape.keyValueWidth
            if let queryNorm = weights.queryNorm { normHeads(query, shape.heads, queryNorm) }
            if let keyNorm = weights.keyNorm { normHeads(key, shape.keyValueHeads, keyNorm) }
            let turns = weights.slidingWindow == 0 ? plan.turns : plan.slidingTurns
            let (cosines, sines) = (turns.cosines + row * half, turns.sines + row * half)
            Kernels.rotateHalves(
                query, heads: shape.heads, headDimension: 2 * half, cosines: cosines, sines: sines)
            Kernels.rotateHalves(
                key, heads: shape.keyValueHeads, headDimension: 2 * half, cosines: cosines, sines: sines)
            let place = plan.places[row]
            cache.store(
                keys: key, values: scratch.value + row * shape.keyValueWidth, layer: layer, block: place.block,
                slot: place.slot)
        }
    }

    private func normHeads(_ x: UnsafeMutablePointer<Float>, _ heads: Int, _ weight: UnsafePointer<Float>) {
        let dimension = shape.headDimension
        for head in 0..<heads {
            Kernels.rmsNorm(
                x + head * dimension, weight: weight, epsilon: epsilon, count: dimension, into: x + head * dimension)
        }
    }

    /// This thread's share of all heads of all rows, by what they read: whole sequences where there are several, so that no
    /// keys are read twice; else heads, and rows of the head in the middle.
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

    /// What a segment's rows take of a head, in positions read; some more for what each row takes anyway.
    private func cost(_ segment: StepPlan.Segment, _ window: Int) -> Int {
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
            scale: shape.attentionScale, layer: cache.layerBase(layer), element: cache.element,
            blockBytes: cache.blockBytes, blockTable: plan.tables + segment.table, next: next,
            slidingWindow: window == 0 ? nil : window, scratch: scratch.attention,
            into: scratch.attended + start, outputStride: width)
    }
}
