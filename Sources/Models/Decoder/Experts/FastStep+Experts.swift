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
        // Of this thread alone.
        let probabilities: UnsafeMutablePointer<Float>
        let remaining: UnsafeMutablePointer<Float>
        let starts: UnsafeMutablePointer<Int32>
        let rows: UnsafeMutablePointer<Int32>
        let places: UnsafeMutablePointer<Int32>
        let gate: UnsafeMutablePointer<Float>
        let up: UnsafeMutablePointer<Float>
        let down: UnsafeMutablePointer<Float>

        init(_ scratch: ExpertScratch, inputs: Int, thread: Int) {
            let (shared, own) = (scratch.shared[inputs], scratch.own[thread])
            experts = shared.experts.pointer
            weights = shared.weights.pointer
            activated = shared.activated.view
            probabilities = own.probabilities.pointer
            remaining = own.remaining.pointer
            starts = own.starts.pointer
            rows = own.rows.pointer
            places = own.places.pointer
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
        sortByExpert(base.layout)
        let (width, outputs) = (shape.feedForward, outputSlice(shape.feedForward))
        for expert in 0..<base.layout.count {
            let group = expertGroup(expert)
            if group.isEmpty || outputs.isEmpty { continue }
            let indices = UnsafeBufferPointer(start: UnsafePointer(experts.rows + group.lowerBound), count: group.count)
            for (part, target) in [(0, experts.gate), (1, experts.up)] {
                base.matrix(layer, expert, part).multiply(
                    inputs.quantized, rowIndices: indices, outputs: outputs, into: target + group.lowerBound * width, stride: width)
            }
            for place in group {
                let start = place * width + outputs.lowerBound
                activate(gate: experts.gate + start, up: experts.up + start, count: outputs.count)
            }
        }
        barrier(after: .experts)
        let entries = rows * base.layout.chosen
        for place in rows == 1 ? 0..<entries : WorkerPool.slice(entries, of: thread, threads: threads) {
            experts.activated.quantize(row: place, from: experts.gate + place * width, columns: width)
        }
        inputBarrier(after: .experts)
        combine(base, layer)
        end(.experts)
    }

    /// This thread's rows choose their experts.
    private func route(_ base: BaseExperts, _ layer: Int) {
        let chosen = base.layout.chosen
        for row in inputSlice {
            Kernels.dots(
                inputs.normed + row * hidden, base.routers[layer], rowCount: base.layout.count, count: hidden, into: experts.probabilities)
            BaseExperts.choose(
                base.layout, experts.probabilities, remaining: experts.remaining, into: experts.experts + row * chosen,
                weights: experts.weights + row * chosen)
        }
    }

    /// Sorts all entries by their experts, into memory of this thread.
    private func sortByExpert(_ layout: ExpertLayout) {
        let entries = rows * layout.chosen
        for expert in 0...layout.count { experts.starts[expert] = 0 }
        for entry in 0..<entries { experts.starts[Int(experts.experts[entry]) + 1] += 1 }
        for expert in 0..<layout.count { experts.starts[expert + 1] += experts.starts[expert] }
        for entry in 0..<entries {
            let expert = Int(experts.experts[entry])
            let place = experts.starts[expert]
            experts.starts[expert] += 1
            experts.places[entry] = place
            experts.rows[Int(place)] = Int32(entry / layout.chosen)
        }
        // Each start has become the next one's.
        for expert in stride(from: layout.count, to: 0, by: -1) { experts.starts[expert] = experts.starts[expert - 1] }
        experts.starts[0] = 0
    }

    /// The sorted entries of one expert.
    private func expertGroup(_ expert: Int) -> Range<Int> { Int(experts.starts[expert])..<Int(experts.starts[expert + 1]) }

    /// The experts' down for this thread's slice of the outputs, and each row's weighted sum of them.
    private func combine(_ base: BaseExperts, _ layer: Int) {
        let outputs = outputSlice(hidden)
        if outputs.isEmpty { return }
        for expert in 0..<base.layout.count {
            base.matrix(layer, expert, 2).multiply(
                experts.activated, rows: expertGroup(expert), outputs: outputs, into: experts.down, stride: hidden)
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
