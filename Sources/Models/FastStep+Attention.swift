internal import Tensors

extension FastStep {
    /// This thread's rows: norms the heads where the family does, turns them to their positions, stores keys and values.
    func rotateAndStore(_ layer: Int) {
        let configuration = decoder.configuration
        let (queryWidth, keyValueWidth) = (configuration.queryWidth, configuration.keyValueWidth)
        let half = configuration.headDimension / 2
        let weights = decoder.layers[layer]
        for row in slice {
            let query = scratch.query.pointer + row * queryWidth
            let key = scratch.key.pointer + row * keyValueWidth
            if let queryNorm = weights.queryNorm { normHeads(query, configuration.heads, queryNorm) }
            if let keyNorm = weights.keyNorm { normHeads(key, configuration.keyValueHeads, keyNorm) }
            let turns = weights.slidingWindow == 0 ? plan.turns : plan.slidingTurns
            let (cosines, sines) = (turns.cosines + row * half, turns.sines + row * half)
            Kernels.rotateHalves(
                query, heads: configuration.heads, headDimension: 2 * half, cosines: cosines, sines: sines)
            Kernels.rotateHalves(
                key, heads: configuration.keyValueHeads, headDimension: 2 * half, cosines: cosines, sines: sines)
            let place = plan.places[row]
            cache.store(
                keys: key, values: scratch.value.pointer + row * keyValueWidth, layer: layer, block: place.block,
                slot: place.slot)
        }
    }

    private func normHeads(_ x: UnsafeMutablePointer<Float>, _ heads: Int, _ weight: UnsafePointer<Float>) {
        let dimension = decoder.configuration.headDimension
        for head in 0..<heads {
            Kernels.rmsNorm(
                x + head * dimension, weight: weight, epsilon: epsilon, count: dimension, into: x + head * dimension)
        }
    }

    /// This thread's heads of all rows; heads that are left over after an even split are split by rows.
    func attend(_ layer: Int) {
        let heads = decoder.configuration.heads
        let share = heads / threads
        for index in 0..<plan.segmentCount {
            let segment = plan.segments[index]
            // Threads change places from segment to segment: the part of one row goes to another each time.
            let turn = (thread + index) % threads
            attend(layer, segment, 0..<segment.rows, heads: turn * share..<(turn + 1) * share)
            let rows = WorkerPool.slice(segment.rows, of: turn, threads: threads)
            attend(layer, segment, rows, heads: share * threads..<heads)
        }
    }

    private func attend(_ layer: Int, _ segment: StepPlan.Segment, _ rows: Range<Int>, heads: Range<Int>) {
        guard !rows.isEmpty, !heads.isEmpty else { return }
        let configuration = decoder.configuration
        let width = configuration.queryWidth
        let start = (segment.firstRow + rows.lowerBound) * width
        let window = decoder.layers[layer].slidingWindow
        Kernels.attention(
            queries: scratch.query.pointer + start, queryStride: width, rows: rows.count,
            position: segment.position + rows.lowerBound, heads: configuration.heads, headRange: heads,
            keyValueHeads: configuration.keyValueHeads, headDimension: configuration.headDimension,
            scale: configuration.attentionScale, layer: cache.layerBase(layer), element: cache.element,
            blockStride: cache.blockStride, blockTable: plan.tables + segment.table,
            slidingWindow: window == 0 ? nil : window, scratch: scratch.attention[thread].pointer,
            into: scratch.attended.pointer + start, outputStride: width)
    }
}
