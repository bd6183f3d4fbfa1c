internal import Tensors

/// The feed-forward of a base that is a mixture of experts.
///
/// Rows are multiplied expert by expert, so that each expert's weights are read once a step. A row's experts are added in the order of
/// their numbers, and each product's bits are the row's own, so a row has the same bits alone and in any batch.
extension FastStep {
    /// `ExpertScratch` as plain pointers.
    struct Experts {
        let experts: UnsafeMutablePointer<Int32>
        let weights: UnsafeMutablePointer<Float>
        let activated: QuantizedRows.View
        let shrunk: UnsafeMutablePointer<Float>
        let shrunkBlocks: QuantizedRows.View
        let shrunkOffset: InlineArray<3, Int>
        let shrunkStride: Int
        // Of this thread alone.
        let probabilities: UnsafeMutablePointer<Float>
        let remaining: UnsafeMutablePointer<Float>
        let starts: UnsafeMutablePointer<Int32>
        let rows: UnsafeMutablePointer<Int32>
        let entries: UnsafeMutablePointer<Int32>
        let places: UnsafeMutablePointer<Int32>
        let routerShrunk: UnsafeMutablePointer<Float>
        let gate: UnsafeMutablePointer<Float>
        let up: UnsafeMutablePointer<Float>
        let down: UnsafeMutablePointer<Float>

        init(_ scratch: ExpertScratch, inputs: Int, thread: Int) {
            let (shared, own) = (scratch.shared[inputs], scratch.own[thread])
            experts = shared.experts.pointer
            weights = shared.weights.pointer
            activated = shared.activated.view
            shrunk = shared.shrunk.pointer
            shrunkBlocks = shared.shrunkBlocks.view
            (shrunkOffset, shrunkStride) = (scratch.shrunkOffset, scratch.shrunkStride)
            probabilities = own.probabilities.pointer
            remaining = own.remaining.pointer
            starts = own.starts.pointer
            rows = own.rows.pointer
            entries = own.entries.pointer
            places = own.places.pointer
            routerShrunk = own.routerShrunk.pointer
            gate = scratch.gate.pointer
            up = scratch.up.pointer
            down = scratch.down.pointer
        }
    }

    /// `y = sum of w_e Wdown_e (activation(Wgate_e n) * Wup_e n)` over the chosen experts of each row, into `scratch.projected`, and what
    /// adapters add beside it. n is in `inputs`; ends before the sum with the residual stream.
    func multiplyExperts(_ base: BaseExperts, _ layer: Int) {
        route(base, layer)
        inputBarrier(after: .experts)
        sortByExpert(base.layout, 0..<rows)
        let (width, outputs) = (shape.feedForward, outputSlice(shape.feedForward))
        for expert in 0..<base.layout.count {
            let group = expertGroup(expert)
            if group.isEmpty || outputs.isEmpty { continue }
            let indices = UnsafeBufferPointer(start: UnsafePointer(experts.rows + group.lowerBound), count: group.count)
            for (part, target) in [(0, experts.gate), (1, experts.up)] {
                base.matrix(layer, expert, part).multiply(
                    inputs.quantized, rowIndices: indices, outputs: outputs, into: target + group.lowerBound * width, stride: width)
                if plan.patchesExperts { expandExperts(layer, expert, part, group, outputs, width, into: target) }
                guard let bias = base.bias(layer, expert, part, outputs: width) else { continue }
                for place in group { Kernels.add(bias + outputs.lowerBound, to: target + place * width + outputs.lowerBound, count: outputs.count) }
            }
            for place in group {
                let start = place * width + outputs.lowerBound
                activate(gate: experts.gate + start, up: experts.up + start, count: outputs.count)
            }
        }
        barrier(after: .experts)
        let entries = rows * base.layout.chosen
        let own = rows == 1 ? 0..<entries : WorkerPool.slice(entries, of: thread, threads: threads)
        for place in own { experts.activated.quantize(row: place, from: experts.gate + place * width, columns: width) }
        if plan.patchesExperts { shrinkDown(base.layout, layer, own) }
        inputBarrier(after: .experts)
        combine(base, layer)
        end(.experts)
    }

    /// This thread's rows choose their experts, and are shrunk by what adapters do to these.
    private func route(_ base: BaseExperts, _ layer: Int) {
        guard plan.patchesExperts else { return choose(base, layer, inputSlice, nil) }
        for number in 0..<plan.bandCount {
            let (own, patches) = (inputSlice.clamped(to: plan.bands[number].rowRange), plan.bands[number].experts)
            if own.isEmpty { continue }
            choose(base, layer, own, patches?.router(layer))
            if let patches { shrinkExperts(patches, base.layout, layer, own) }
        }
    }

    private func choose(_ base: BaseExperts, _ layer: Int, _ own: Range<Int>, _ patch: UnsafePointer<PatchEntry>?) {
        let chosen = base.layout.chosen
        for row in own {
            Kernels.dots(
                inputs.normed + row * hidden, base.routers[layer], rowCount: base.layout.count, count: hidden, into: experts.probabilities)
            if let patch { adaptRouter(patch, row: row, base.layout) }
            if let biases = base.routerBiases { Kernels.add(biases[layer], to: experts.probabilities, count: base.layout.count) }
            BaseExperts.choose(
                base.layout, experts.probabilities, remaining: experts.remaining, into: experts.experts + row * chosen,
                weights: experts.weights + row * chosen)
        }
    }

    /// Sorts the entries of some rows by their experts, into memory of this thread.
    func sortByExpert(_ layout: ExpertLayout, _ some: Range<Int>) {
        let entries = some.lowerBound * layout.chosen..<some.upperBound * layout.chosen
        for expert in 0...layout.count { experts.starts[expert] = 0 }
        for entry in entries { experts.starts[Int(experts.experts[entry]) + 1] += 1 }
        for expert in 0..<layout.count { experts.starts[expert + 1] += experts.starts[expert] }
        for entry in entries {
            let expert = Int(experts.experts[entry])
            let place = experts.starts[expert]
            experts.starts[expert] += 1
            experts.places[entry] = place
            experts.rows[Int(place)] = Int32(entry / layout.chosen)
            experts.entries[Int(place)] = Int32(entry)
        }
        // Each start has become the next one's.
        for expert in stride(from: layout.count, to: 0, by: -1) { experts.starts[expert] = experts.starts[expert - 1] }
        experts.starts[0] = 0
    }

    /// The sorted entries of one expert.
    func expertGroup(_ expert: Int) -> Range<Int> { Int(experts.starts[expert])..<Int(experts.starts[expert + 1]) }

    /// The experts' down for this thread's slice of the outputs, and each row's weighted sum of them.
    private func combine(_ base: BaseExperts, _ layer: Int) {
        let outputs = outputSlice(hidden)
        if outputs.isEmpty { return }
        for expert in 0..<base.layout.count {
            let group = expertGroup(expert)
            base.matrix(layer, expert, 2).multiply(experts.activated, rows: group, outputs: outputs, into: experts.down, stride: hidden)
            if plan.patchesExperts { expandDown(layer, expert, group, outputs) }
            guard let bias = base.bias(layer, expert, 2, outputs: hidden) else { continue }
            for place in group { Kernels.add(bias + outputs.lowerBound, to: experts.down + place * hidden + outputs.lowerBound, count: outputs.count) }
        }
        for row in 0..<rows {
            let y = scratch.projected + row * hidden + outputs.lowerBound
            y.update(repeating: 0, count: outputs.count)
            for entry in row * base.layout.chosen..<(row + 1) * base.layout.chosen {
                let term = experts.down + Int(experts.places[entry]) * hidden + outputs.lowerBound
                Kernels.multiply(term, by: experts.weights[entry], count: outputs.count)
                Kernels.add(term, to: y, count: outputs.count)
            }
        }
        for number in 0..<plan.bandCount {
            let band = plan.bands[number]
            if let branch = band.branch(layer) { expandBranch(branch, band, outputs, into: scratch.projected) }
        }
    }
}
