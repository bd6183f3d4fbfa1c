internal import Tensors

/// Mixtures: routers and shrinking belong to the row phases, expanding to the output phases.
///
/// Rows of a band are processed expert by expert, so that each expert is read once. A row's experts are added in the order of their
/// numbers, so its bits do not depend on the other rows.
extension FastStep {
    /// `MixtureScratch` as plain pointers.
    struct Mixtures {
        let experts: UnsafeMutablePointer<Int32>
        let weights: UnsafeMutablePointer<Float>
        let counts: UnsafeMutablePointer<Int32>
        let shrunk: UnsafeMutablePointer<Float>
        let shrunkBlocks: QuantizedRows.View
        let activated: QuantizedRows.View
        // Of this thread alone.
        let probabilities: UnsafeMutablePointer<Float>
        let starts: UnsafeMutablePointer<Int32>
        let entries: UnsafeMutablePointer<Int32>
        let rows: UnsafeMutablePointer<Int32>
        let up: UnsafeMutablePointer<Float>
        let gate: UnsafeMutablePointer<Float>
        let down: UnsafeMutablePointer<Float>
        let offset: UnsafeMutablePointer<Int>
        let stride: Int
        /// Entries of a row.
        let chosen: Int

        init(_ scratch: MixtureScratch, inputs: Int, thread: Int, chosen: Int) {
            let (shared, own) = (scratch.inputs[inputs], scratch.own[thread])
            experts = shared.experts.pointer
            weights = shared.weights.pointer
            counts = shared.counts.pointer
            shrunk = shared.shrunk.pointer
            shrunkBlocks = shared.shrunkBlocks.view
            activated = shared.activated.view
            probabilities = own.probabilities.pointer
            starts = own.starts.pointer
            entries = own.entries.pointer
            rows = own.rows.pointer
            up = own.up.pointer
            gate = scratch.gate.pointer
            down = scratch.down.pointer
            offset = scratch.offset
            stride = scratch.stride
            self.chosen = chosen
        }
    }

    /// Where a router's choices begin.
    private func place(_ router: Int) -> Int { router * rows * mixtures.chosen }

    func weights(_ router: Int) -> UnsafeMutablePointer<Float> { mixtures.weights + place(router) }
    func experts(_ router: Int) -> UnsafeMutablePointer<Int32> { mixtures.experts + place(router) }
    /// How many experts a row chose.
    func count(_ router: Int, row: Int) -> Int { Int(mixtures.counts[router * rows + row]) }

    /// Chooses the experts of some rows.
    func route(_ mixture: UnsafePointer<MixtureEntry>, _ router: Int, _ own: Range<Int>, _ x: UnsafePointer<Float>) {
        // Each thread routes the one row of a step; one of them counts it.
        let isCounted = rows > 1 || thread == 0
        for row in own {
            let first = row * mixtures.chosen
            let count = mixture.pointee.route(
                x + row * mixture.pointee.inputs, mixtures.probabilities, into: experts(router) + first, weights: weights(router) + first,
                row: row, trace: plan.trace, isCounted: isCounted)
            mixtures.counts[router * rows + row] = Int32(count)
        }
    }

    /// Sorts the entries of some rows by their experts, into memory of this thread.
    func sortByExpert(_ mixture: UnsafePointer<MixtureEntry>, _ router: Int, _ some: Range<Int>) {
        let (starts, chosen, experts) = (mixtures.starts, mixtures.chosen, experts(router))
        for expert in 0...mixture.pointee.experts { starts[expert] = 0 }
        for row in some {
            for entry in row * chosen..<row * chosen + count(router, row: row) { starts[Int(experts[entry])] += 1 }
        }
        // Ends of the groups. Filling each group from its end turns them into starts.
        var sum: Int32 = 0
        for expert in 0...mixture.pointee.experts {
            sum += starts[expert]
            starts[expert] = sum
        }
        for row in some.reversed() {
            for entry in row * chosen..<row * chosen + count(router, row: row) {
                let expert = Int(experts[entry])
                starts[expert] -= 1
                mixtures.entries[Int(starts[expert])] = Int32(entry)
                mixtures.rows[Int(starts[expert])] = Int32(row)
            }
        }
    }

    /// The sorted entries of one expert.
    func group(_ expert: Int) -> Range<Int> { Int(mixtures.starts[expert])..<Int(mixtures.starts[expert + 1]) }

    /// The input that entries shrink: rows of a phase's input, or rows of the entries themselves.
    struct ShrinkSource {
        let quantized: QuantizedRows.View
        let x: UnsafePointer<Float>
        let width: Int
        /// In the order of the sorted entries.
        let rows: UnsafeMutablePointer<Int32>
    }

    /// Shrinks the sorted entries by one part of their experts; with `weights`, multiplied by the experts' weights.
    func shrinkEntries(
        _ mixture: UnsafePointer<MixtureEntry>, part: Int, _ projection: Int, _ source: ShrinkSource, weights: UnsafePointer<Float>?
    ) {
        let offset = mixtures.offset[projection]
        for expert in 0..<mixture.pointee.experts {
            let group = group(expert)
            guard !group.isEmpty, let patch = mixture.pointee.patch(expert, part), patch.pointee.rank > 0 else { continue }
            if patch.pointee.element == .int8 {
                patch.pointee.shrink(
                    source.quantized, rows: source.rows + group.lowerBound, count: group.count, inputs: source.width, next: nil,
                    into: mixtures.shrunkBlocks, rows: mixtures.entries + group.lowerBound, block: offset / 32)
                guard let weights else { continue }
                let blocks = offset / 32..<(offset + patch.pointee.rank + 31) / 32
                for index in group {
                    let entry = Int(mixtures.entries[index])
                    mixtures.shrunkBlocks.scale(row: entry, blocks: blocks, by: weights[entry])
                }
                continue
            }
            for index in group {
                let entry = Int(mixtures.entries[index])
                let h = mixtures.shrunk + entry * mixtures.stride + offset
                patch.pointee.shrink(
                    source.x + Int(source.rows[index]) * source.width, rows: 1, inputs: source.width, into: h, stride: mixtures.stride)
                if let weights { Kernels.multiply(h, by: weights[entry], count: patch.pointee.rank) }
            }
        }
    }

    /// `y[row] += B h[entry]` for some sorted entries of one expert; `targets` are in their order, or count from 0 without a list.
    func expandEntries(
        _ patch: UnsafePointer<PatchEntry>, _ projection: Int, _ group: Range<Int>, _ outputs: Range<Int>, _ width: Int,
        into y: UnsafeMutablePointer<Float>, rows targets: UnsafeMutablePointer<Int32>?
    ) {
        if patch.pointee.rank == 0 { return }
        let offset = mixtures.offset[projection]
        if patch.pointee.element == .int8 {
            patch.pointee.expand(
                mixtures.shrunkBlocks, block: offset / 32, rows: mixtures.entries + group.lowerBound, count: group.count, outputs: outputs,
                width: width, next: nil, into: y, rows: targets.map { UnsafePointer($0) + group.lowerBound })
            return
        }
        for index in group {
            let row = targets.map { Int($0[index]) } ?? index - group.lowerBound
            patch.pointee.expand(
                mixtures.shrunk + Int(mixtures.entries[index]) * mixtures.stride + offset, stride: mixtures.stride, rows: 1, outputs: outputs,
                width: width, into: y + row * width)
        }
    }

    // MARK: Mixtures of linear maps

    /// This thread's rows of a band choose their experts, of a phase's projections or of the feed-forward, and are shrunk by them.
    func shrinkMixtures(_ band: RowPlan.Band, _ layer: Int, _ phase: Range<Int>, _ own: Range<Int>, _ x: UnsafePointer<Float>, _ width: Int) {
        if let mixtures = band.mixtures?.layer(layer) { shrinkMixtures(mixtures, phase, own, x, width) }
        guard let mixture = band.feedForward(layer) else { return }
        if phase == FastPhase.feedForward { shrinkExperts(mixture, own) }
        if phase == FastPhase.down { shrinkDown(mixture, own) }
    }

    private func shrinkMixtures(
        _ entries: UnsafePointer<MixtureEntry>, _ phase: Range<Int>, _ own: Range<Int>, _ x: UnsafePointer<Float>, _ width: Int
    ) {
        for projection in phase where entries[projection].experts > 0 {
            let (mixture, router) = (entries + projection, projection - phase.lowerBound)
            route(mixture, router, own, x)
            sortByExpert(mixture, router, own)
            shrinkEntries(
                mixture, part: 0, projection, ShrinkSource(quantized: inputs.quantized, x: x, width: width, rows: mixtures.rows),
                weights: weights(router))
        }
    }

    /// `y += sum of w_e B_e h_e` for this thread's slice of the outputs and a band's rows.
    func expandMixture(
        _ mixture: UnsafePointer<MixtureEntry>, _ projection: Projection, _ band: RowPlan.Band, _ outputs: Range<Int>, _ width: Int,
        into y: UnsafeMutablePointer<Float>
    ) {
        sortByExpert(mixture, projection.placeInPhase, band.rowRange)
        for expert in 0..<mixture.pointee.experts {
            let group = group(expert)
            guard !group.isEmpty, let patch = mixture.pointee.patch(expert) else { continue }
            expandEntries(patch, projection.rawValue, group, outputs, width, into: y, rows: mixtures.rows)
        }
    }
}
