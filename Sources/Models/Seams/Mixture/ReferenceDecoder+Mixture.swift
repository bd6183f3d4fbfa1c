internal import Tensors

/// Mixtures as in their formulas, row by row and expert by expert: the base's down runs once for each expert.
extension ReferenceDecoder {
    /// The experts that a row chose.
    private struct Choice {
        var experts: [Int]
        var weights: [Float]
    }

    private func choose(_ mixture: UnsafePointer<MixtureEntry>, _ x: UnsafePointer<Float>, row: Int) -> Choice {
        let (experts, most) = (mixture.pointee.experts, mixture.pointee.most)
        var p = [Float](repeating: 0, count: experts)
        var (chosen, weights) = ([Int32](repeating: 0, count: most), [Float](repeating: 0, count: most))
        let count = mixture.pointee.route(x, &p, into: &chosen, weights: &weights, row: row, trace: plan.trace, isCounted: true)
        return Choice(experts: chosen.prefix(count).map(Int.init), weights: Array(weights.prefix(count)))
    }

    /// `y += sum of w_e scale_e B_e (A_e x)` for a band's rows.
    func addMixture(
        _ mixture: UnsafePointer<MixtureEntry>, _ band: RowPlan.Band, _ x: UnsafePointer<Float>, inputs: Int,
        into y: UnsafeMutablePointer<Float>, outputs: Int
    ) {
        for row in band.rowRange {
            let choice = choose(mixture, x + row * inputs, row: row)
            for (expert, weight) in zip(choice.experts, choice.weights) {
                guard let patch = mixture.pointee.patch(expert) else { continue }
                add(patch, weight: weight, x + row * inputs, inputs: inputs, to: y + row * outputs, outputs: outputs)
            }
        }
    }

    /// `y += weight * scale * B (A x)`, one row.
    private func add(
        _ patch: UnsafePointer<PatchEntry>, weight: Float, _ x: UnsafePointer<Float>, inputs: Int, to y: UnsafeMutablePointer<Float>,
        outputs: Int
    ) {
        shrunk.reserve(patch.pointee.rank)
        patch.pointee.shrink(x, rows: 1, inputs: inputs, into: shrunk.pointer, stride: patch.pointee.rank)
        if weight != 1 { Kernels.multiply(shrunk.pointer, by: weight, count: patch.pointee.rank) }
        patch.pointee.expand(
            shrunk.pointer, stride: patch.pointee.rank, rows: 1, outputs: 0..<outputs, width: outputs, into: y)
    }

    /// The feed-forward of a band's rows into `projected`. `normed` is its input, `gate` and `up` are the base's of it, with its
    /// biases.
    func mixFeedForward(_ mixture: UnsafePointer<MixtureEntry>, _ layer: Int, _ band: RowPlan.Band) {
        let (hidden, width) = (configuration.hidden, configuration.feedForward)
        let (u, up, f) = (FloatBuffer(count: width), FloatBuffer(count: width), FloatBuffer(count: hidden))
        let bias = vectors.bias(LinearPlace(layer, .down))
        for row in band.rowRange {
            let h = normed.pointer + row * hidden
            let y = projected.pointer + row * hidden
            y.update(repeating: 0, count: hidden)
            let choice = choose(mixture, h, row: row)
            for (expert, weight) in zip(choice.experts, choice.weights) {
                u.pointer.update(from: gate.pointer + row * width, count: width)
                up.pointer.update(from: self.up.pointer + row * width, count: width)
                apply(mixture.pointee.patch(expert, 0), h, inputs: hidden, to: u.pointer, outputs: width)
                apply(mixture.pointee.patch(expert, 1), h, inputs: hidden, to: up.pointer, outputs: width)
                activate(gate: u.pointer, up: up.pointer, count: width)
                matrix.multiply(
                    files.tensor(.weight(layer, .down)), rowOrder: weights.rowOrder(.down), u.pointer, rows: 1,
                    into: f.pointer)
                if let bias { Kernels.add(bias, to: f.pointer, count: hidden) }
                apply(mixture.pointee.patch(expert, 2), u.pointer, inputs: width, to: f.pointer, outputs: hidden)
                Kernels.multiply(f.pointer, by: weight, count: hidden)
                Kernels.add(f.pointer, to: y, count: hidden)
            }
        }
    }

    /// `y = outputScale * (y + scale * B (A x)) + bias`, one row.
    private func apply(
        _ patch: UnsafePointer<PatchEntry>?, _ x: UnsafePointer<Float>, inputs: Int, to y: UnsafeMutablePointer<Float>, outputs: Int
    ) {
        guard let patch else { return }
        if patch.pointee.rank > 0 { add(patch, weight: 1, x, inputs: inputs, to: y, outputs: outputs) }
        patch.pointee.finish(y, rows: 1, outputs: 0..<outputs, width: outputs, baseBias: nil)
    }
}
