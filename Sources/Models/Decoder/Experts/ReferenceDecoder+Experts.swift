internal import Tensors

/// The feed-forward of a base that is a mixture of experts, as in its formula.
extension ReferenceDecoder {
    /// `y = sum of w_e Wdown_e (activation(Wgate_e n) * Wup_e n)` of all rows, from `normed` into `projected`.
    func multiplyExperts(_ layout: ExpertLayout, _ layer: Int) {
        let (hidden, width, rows) = (configuration.hidden, configuration.feedForward, plan.rows)
        var logits = [Float](repeating: 0, count: rows * layout.count)
        logits.withUnsafeMutableBufferPointer { logits in
            if let start = logits.baseAddress {
                matrix.multiply(files.tensor(.router(layer)), normed.pointer, rows: rows, into: start)
                adaptRouters(layout, layer, into: start)
                if layout.hasBiases {
                    for row in 0..<rows { Kernels.add(vectors.routerBiases[layer].pointer, to: start + row * layout.count, count: layout.count) }
                }
            }
        }
        var chosen = [Int32](repeating: 0, count: rows * layout.chosen)
        var weights = [Float](repeating: 0, count: rows * layout.chosen)
        var remaining = [Float](repeating: 0, count: layout.count)
        for row in 0..<rows {
            logits.withUnsafeMutableBufferPointer { logits in
                chosen.withUnsafeMutableBufferPointer { chosen in
                    weights.withUnsafeMutableBufferPointer { weights in
                        guard let p = logits.baseAddress, let experts = chosen.baseAddress, let w = weights.baseAddress else { return }
                        BaseExperts.choose(
                            layout, p + row * layout.count, remaining: &remaining, into: experts + row * layout.chosen,
                            weights: w + row * layout.chosen)
                    }
                }
            }
        }
        projected.pointer.update(repeating: 0, count: rows * hidden)
        for expert in 0..<layout.count {
            let entries = chosen.indices.filter { chosen[$0] == Int32(expert) }
            if entries.isEmpty { continue }
            let (x, y) = (FloatBuffer(count: entries.count * hidden), FloatBuffer(count: entries.count * hidden))
            for (place, entry) in entries.enumerated() {
                (x.pointer + place * hidden).update(from: normed.pointer + entry / layout.chosen * hidden, count: hidden)
            }
            let (gate, up) = (FloatBuffer(count: entries.count * width), FloatBuffer(count: entries.count * width))
            matrix.multiply(files.tensor(.expert(layer, expert, .gate)), x.pointer, rows: entries.count, into: gate.pointer)
            matrix.multiply(files.tensor(.expert(layer, expert, .up)), x.pointer, rows: entries.count, into: up.pointer)
            let chosenBy = entries.map { $0 / layout.chosen }
            for (part, target) in [(0, gate), (1, up)] {
                adaptExpert(layer, expert, part, rows: chosenBy, x.pointer, inputs: hidden, into: target.pointer, outputs: width)
                addBias(layer, expert, part, rows: entries.count, to: target.pointer, outputs: width)
            }
            activate(gate: gate.pointer, up: up.pointer, count: entries.count * width)
            matrix.multiply(files.tensor(.expert(layer, expert, .down)), gate.pointer, rows: entries.count, into: y.pointer)
            adaptExpert(layer, expert, 2, rows: chosenBy, gate.pointer, inputs: width, into: y.pointer, outputs: hidden)
            addBias(layer, expert, 2, rows: entries.count, to: y.pointer, outputs: hidden)
            for (place, entry) in entries.enumerated() {
                let term = y.pointer + place * hidden
                Kernels.multiply(term, by: weights[entry], count: hidden)
                Kernels.add(term, to: projected.pointer + entry / layout.chosen * hidden, count: hidden)
            }
        }
        for index in 0..<plan.bandCount {
            let band = plan.bands[index]
            if let branch = band.branch(layer) { addBranch(branch.pointee, band, to: projected.pointer + band.firstRow * hidden) }
        }
    }

    private func addBias(_ layer: Int, _ expert: Int, _ part: Int, rows: Int, to y: UnsafeMutablePointer<Float>, outputs: Int) {
        guard let bias = vectors.expertBias(layer, expert, part, outputs: outputs) else { return }
        for row in 0..<rows { Kernels.add(bias, to: y + row * outputs, count: outputs) }
    }
}
