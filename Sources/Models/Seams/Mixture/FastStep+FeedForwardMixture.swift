internal import Tensors

/// Mixtures in place of a feed-forward. The base's gate, up and down run in the same products as for all other rows.
extension FastStep {
    private static let router = MixtureScratch.feedForwardRouter
    private var feedForward: Int { shape.feedForward }

    /// This thread's rows of a band choose their experts and are shrunk by the experts' gate and up.
    func shrinkExperts(_ mixture: UnsafePointer<MixtureEntry>, _ own: Range<Int>) {
        let x = UnsafePointer(inputs.normed)
        route(mixture, Self.router, own, x)
        sortByExpert(mixture, Self.router, own)
        let source = ShrinkSource(quantized: inputs.quantized, x: x, width: hidden, rows: mixtures.rows)
        shrinkEntries(mixture, part: 0, Projection.gate.rawValue, source, weights: nil)
        shrinkEntries(mixture, part: 1, Projection.up.rawValue, source, weights: nil)
    }

    /// This thread's slice of the outputs and a band's rows: `u_e` of each row and expert into `mixtures.gate`, and
    /// `sum of w_e u_e` into the rows where the base's gate was.
    func activateExperts(_ mixture: UnsafePointer<MixtureEntry>, _ band: RowPlan.Band, _ outputs: Range<Int>) {
        sortByExpert(mixture, Self.router, band.rowRange)
        for expert in 0..<mixture.pointee.experts {
            let group = group(expert)
            for first in stride(from: group.lowerBound, to: group.upperBound, by: MixtureScratch.pieceEntries) {
                activate(mixture, expert, first..<min(first + MixtureScratch.pieceEntries, group.upperBound), outputs)
            }
        }
        let weights = weights(Self.router)
        for row in band.rowRange {
            let (gate, first) = (scratch.gate + row * feedForward, row * mixtures.chosen)
            (gate + outputs.lowerBound).update(repeating: 0, count: outputs.count)
            // A product of the weights with the entries as a matrix.
            Kernels.lowRankExpand(
                weights + first, b: mixtures.gate + first * feedForward, element: .f32, rank: count(Self.router, row: row),
                outputs: outputs, totalOutputs: feedForward, into: gate)
        }
    }

    /// Some sorted entries of one expert.
    private func activate(_ mixture: UnsafePointer<MixtureEntry>, _ expert: Int, _ group: Range<Int>, _ outputs: Range<Int>) {
        guard let gatePatch = mixture.pointee.patch(expert, 0), let upPatch = mixture.pointee.patch(expert, 1) else { return }
        let (width, start) = (feedForward, outputs.lowerBound)
        for index in group {
            let (row, entry, place) = (Int(mixtures.rows[index]), Int(mixtures.entries[index]), index - group.lowerBound)
            (mixtures.gate + entry * width + start).update(from: scratch.gate + row * width + start, count: outputs.count)
            (mixtures.up + place * width + start).update(from: scratch.up + row * width + start, count: outputs.count)
        }
        expandEntries(gatePatch, Projection.gate.rawValue, group, outputs, width, into: mixtures.gate, rows: mixtures.entries)
        expandEntries(upPatch, Projection.up.rawValue, group, outputs, width, into: mixtures.up, rows: nil)
        for index in group {
            let gate = mixtures.gate + Int(mixtures.entries[index]) * width
            let up = mixtures.up + (index - group.lowerBound) * width
            gatePatch.pointee.finish(gate, rows: 1, outputs: outputs, width: width, baseBias: nil)
            upPatch.pointee.finish(up, rows: 1, outputs: outputs, width: width, baseBias: nil)
            activate(gate: gate + start, up: up + start, count: outputs.count)
        }
    }

    /// This thread's rows of a band: `u_e` of their entries, quantised and shrunk by the experts' down.
    func shrinkDown(_ mixture: UnsafePointer<MixtureEntry>, _ own: Range<Int>) {
        let chosen = mixtures.chosen
        for row in own {
            for entry in row * chosen..<row * chosen + count(Self.router, row: row) {
                mixtures.activated.quantize(row: entry, from: mixtures.gate + entry * feedForward, columns: feedForward)
            }
        }
        sortByExpert(mixture, Self.router, own)
        shrinkEntries(
            mixture, part: 2, Projection.down.rawValue,
            ShrinkSource(quantized: mixtures.activated, x: UnsafePointer(mixtures.gate), width: feedForward, rows: mixtures.entries),
            weights: mixture.pointee.finishesDown ? nil : UnsafePointer(weights(Self.router)))
    }

    /// What the experts' down adds to `y = W_down (sum of w_e u_e)`, for this thread's slice of the outputs and a band's rows.
    func expandDown(
        _ mixture: UnsafePointer<MixtureEntry>, _ linear: FastDecoder.Linear, _ band: RowPlan.Band, _ outputs: Range<Int>,
        into y: UnsafeMutablePointer<Float>
    ) {
        sortByExpert(mixture, Self.router, band.rowRange)
        if mixture.pointee.finishesDown { return multiplyAndFinishDown(mixture, linear, band, outputs, into: y) }
        for expert in 0..<mixture.pointee.experts {
            let group = group(expert)
            guard !group.isEmpty, let patch = mixture.pointee.patch(expert, 2) else { continue }
            expandEntries(patch, Projection.down.rawValue, group, outputs, hidden, into: y, rows: mixtures.rows)
        }
        guard let bias = linear.bias else { return }
        for row in band.rowRange {
            var sum = Float(0)
            for place in 0..<count(Self.router, row: row) { sum += weights(Self.router)[row * mixtures.chosen + place] }
            add(bias, times: sum, to: y + row * hidden, outputs)
        }
    }

    /// Experts that scale the output of the base's down or add a bias: the base's product runs once for each entry and replaces that of
    /// the sum.
    private func multiplyAndFinishDown(
        _ mixture: UnsafePointer<MixtureEntry>, _ linear: FastDecoder.Linear, _ band: RowPlan.Band, _ outputs: Range<Int>,
        into y: UnsafeMutablePointer<Float>
    ) {
        let chosen = mixtures.chosen
        linear.matrix.multiply(
            mixtures.activated, rows: band.firstRow * chosen..<(band.firstRow + band.rows) * chosen, outputs: outputs,
            into: mixtures.down, stride: hidden)
        for expert in 0..<mixture.pointee.experts {
            let group = group(expert)
            guard !group.isEmpty, let patch = mixture.pointee.patch(expert, 2) else { continue }
            expandEntries(patch, Projection.down.rawValue, group, outputs, hidden, into: mixtures.down, rows: mixtures.entries)
            for index in group {
                let row = mixtures.down + Int(mixtures.entries[index]) * hidden
                if let bias = linear.bias { Kernels.add(bias + outputs.lowerBound, to: row + outputs.lowerBound, count: outputs.count) }
                patch.pointee.finish(row, rows: 1, outputs: outputs, width: hidden, baseBias: nil)
            }
        }
        for row in band.rowRange {
            (y + row * hidden + outputs.lowerBound).update(repeating: 0, count: outputs.count)
            Kernels.lowRankExpand(
                weights(Self.router) + row * chosen, b: mixtures.down + row * chosen * hidden, element: .f32,
                rank: count(Self.router, row: row), outputs: outputs, totalOutputs: hidden, into: y + row * hidden)
        }
    }

    /// `y += factor * vector`, a slice.
    private func add(_ vector: UnsafePointer<Float>, times factor: Float, to y: UnsafeMutablePointer<Float>, _ outputs: Range<Int>) {
        withUnsafePointer(to: factor) {
            Kernels.lowRankExpand($0, b: vector, element: .f32, rank: 1, outputs: outputs, totalOutputs: outputs.upperBound, into: y)
        }
    }
}
