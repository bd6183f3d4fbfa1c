internal import Tensors

/// One layer, forward as in the paper and back.
extension TrainingWorkspace {
    private var epsilon: Float { configuration.normEpsilon }
    private var hidden: Int { configuration.hidden }

    /// Fills `activations` from `residuals[layer]`; the layer's output is left to `addOutput`.
    ///
    /// - Parameter isAgain: on the way back, which reads the last product only where it goes through a norm or a scale, and derives what
    ///   leads to it.
    func runLayer(_ layer: Int, isAgain: Bool) {
        let (own, x) = (activations, residuals[layer])
        // x += Wo attention(rope(Wq n), rope(Wk n), Wv n) for n = rmsNorm(x)
        norm(x, vectors.attentionNorms[layer], into: own.attentionInput)
        linear(layer, [(.query, own.rawQuery), (.key, own.rawKey), (.value, own.value)], x: own.attentionInput)
        rotate(layer)
        attention.forward(plan, layer, own)
        linear(layer, [(.output, own.attentionOutput)], x: own.attended)
        add(own.attentionOutput, through: configuration.outputNorms ? vectors.attentionOutputNorms[layer] : nil, to: x, into: own.middle)
        // x += Wdown (activation(Wgate n) * Wup n) for n = rmsNorm(x)
        norm(own.middle, vectors.feedForwardNorms[layer], into: own.feedForwardInput)
        linear(layer, [(.gate, own.gate), (.up, own.up)], x: own.feedForwardInput)
        if isAgain && !configuration.outputNorms && !plan.scalesOutputs { return }
        activate()
        mixtures.forward(plan, layer, own)
        linear(layer, [(.down, own.feedForwardOutput)], x: own.activated)
        mixtures.addDown(layer, to: own.feedForwardOutput)
        branches.forward(plan, layer, x: own.feedForwardInput, to: own.feedForwardOutput)
    }

    /// What follows `runLayer` on the way forward.
    func addOutput(_ layer: Int, to target: FloatBuffer) {
        add(
            activations.feedForwardOutput, through: configuration.outputNorms ? vectors.feedForwardOutputNorms[layer] : nil,
            to: activations.middle, into: target)
    }

    /// Computes from what is kept of a layer what is not.
    func deriveActivations(_ layer: Int) {
        let own = activations
        norm(residuals[layer], vectors.attentionNorms[layer], into: own.attentionInput)
        if configuration.headNorms { rotate(layer) }
        norm(own.middle, vectors.feedForwardNorms[layer], into: own.feedForwardInput)
        activate()
        mixtures.forward(plan, layer, own)
    }

    /// Takes `gradients.residual` from the layer's output to its input, and adds to the gradients of adapters.
    ///
    /// - Parameter isLowest: nothing below is trained, so the gradient of the layer's input is not needed.
    func differentiate(_ layer: Int, isLowest: Bool) {
        let (own, back) = (activations, gradients)
        let added = differentiateAdded(
            own.feedForwardOutput, through: configuration.outputNorms ? vectors.feedForwardOutputNorms[layer] : nil)
        seam.backward(plan, layer, [(.down, added)], x: own.activated, own.unscaled, into: back.activated)
        differentiateActivation()
        mixtures.backward(layer, dy: added, own, back)
        seam.backward(plan, layer, [(.gate, back.gate), (.up, back.up)], x: own.feedForwardInput, own.unscaled, into: back.hidden)
        mixtures.addInputSlopes(into: back.hidden)
        branches.backward(plan, layer, x: own.feedForwardInput, g: added, into: back.hidden)
        differentiateNorm(own.middle, vectors.feedForwardNorms[layer])
        let attended = differentiateAdded(
            own.attentionOutput, through: configuration.outputNorms ? vectors.attentionOutputNorms[layer] : nil)
        seam.backward(plan, layer, [(.output, attended)], x: own.attended, own.unscaled, into: back.attended)
        attention.backward(plan, layer, own, back)
        differentiateRotation(layer)
        seam.backward(
            plan, layer, [(.query, back.rawQuery), (.key, back.rawKey), (.value, back.value)], x: own.attentionInput, own.unscaled,
            into: isLowest ? nil : back.hidden)
        if !isLowest { differentiateNorm(residuals[layer], vectors.attentionNorms[layer]) }
    }

    // MARK: Forward

    private func linear(_ layer: Int, _ maps: [(projection: Projection, y: FloatBuffer)], x: FloatBuffer) {
        seam.forward(plan, layer, maps, x: x, activations.unscaled)
    }

    private func eachRow(_ body: (Int) -> Void) {
        let rows = plan.rows
        withoutActuallyEscaping(body) { body in
            pool.run { thread in
                for row in WorkerPool.slice(rows, of: thread, threads: pool.threads) {
                    if row % 128 == 0 { pool.giveWay() }
                    body(row)
                }
            }
        }
    }

    private func norm(_ x: FloatBuffer, _ weight: FloatBuffer, into y: FloatBuffer) {
        let (x, y, weight, hidden, epsilon) = (x.pointer, y.pointer, weight.pointer, hidden, epsilon)
        eachRow { row in Kernels.rmsNorm(x + row * hidden, weight: weight, epsilon: epsilon, count: hidden, into: y + row * hidden) }
    }

    /// `target = x + added`, or `x + rmsNorm(added)`.
    private func add(_ added: FloatBuffer, through outputNorm: FloatBuffer?, to x: FloatBuffer, into target: FloatBuffer) {
        let (added, x, target, hidden, epsilon) = (added.pointer, x.pointer, target.pointer, hidden, epsilon)
        let weight = outputNorm?.pointer
        eachRow { row in
            let (from, to) = (added + row * hidden, target + row * hidden)
            if let weight {
                Kernels.rmsNorm(from, weight: weight, epsilon: epsilon, count: hidden, into: to)
                Kernels.add(x + row * hidden, to: to, count: hidden)
            } else {
                to.update(from: x + row * hidden, count: hidden)
                Kernels.add(from, to: to, count: hidden)
            }
        }
    }

    private func activate() {
        let (gate, up, y) = (activations.gate.pointer, activations.up.pointer, activations.activated.pointer)
        let (width, activation) = (configuration.feedForward, configuration.activation)
        eachRow { row in
            let start = row * width
            switch activation {
            case .silu: Kernels.siluMultiply(gate: gate + start, up: up + start, count: width, into: y + start)
            case .geluTanh: Kernels.geluTanhMultiply(gate: gate + start, up: up + start, count: width, into: y + start)
            case .clamped: preconditionFailure(DecoderConfiguration.clampedIsNotTuned)
            }
        }
    }

    /// Norms the heads where the family does, and rotates them to their positions where the layer does.
    private func rotate(_ layer: Int) {
        let (own, dimension, epsilon) = (activations, configuration.headDimension, epsilon)
        let maps = [
            (raw: own.rawQuery, turned: own.query, heads: configuration.heads, norms: vectors.queryNorms),
            (raw: own.rawKey, turned: own.key, heads: configuration.keyValueHeads, norms: vectors.keyNorms),
        ]
        let positions = plan.positions
        eachRow { row in
            let table = rotations(layer, row: row)
            for map in maps {
                let (raw, x) = (map.raw.pointer + row * map.heads * dimension, map.turned.pointer + row * map.heads * dimension)
                if !map.norms.isEmpty {
                    for head in 0..<map.heads {
                        Kernels.rmsNorm(
                            raw + head * dimension, weight: map.norms[layer].pointer, epsilon: epsilon, count: dimension,
                            into: x + head * dimension)
                    }
                }
                table?.rotate(x, heads: map.heads, headDimension: dimension, position: positions[row], isBack: false)
            }
        }
    }

    /// Nil: the layer does not rotate.
    private func rotations(_ layer: Int, row: Int) -> PositionRotations? {
        if configuration.unrotatedLayers.contains(layer) { return nil }
        if let shortRotation, configuration.rope.isShort(plan.lengths[row]) { return shortRotation }
        return configuration.slidingWindow(layer: layer) == nil ? rotation : slidingRotation
    }

    // MARK: Back

    /// The gradient of what is added to the residual stream: that of the stream itself, or taken through the term's norm.
    private func differentiateAdded(_ added: FloatBuffer, through outputNorm: FloatBuffer?) -> FloatBuffer {
        guard let outputNorm else { return gradients.residual }
        let (x, dy, dx, hidden, epsilon) = (added.pointer, gradients.residual.pointer, gradients.added.pointer, hidden, epsilon)
        let weight = outputNorm.pointer
        eachRow { row in
            let start = row * hidden
            (dx + start).update(repeating: 0, count: hidden)
            Kernels.rmsNormGradient(
                x + start, weight: weight, dy: dy + start, epsilon: epsilon, count: hidden, addingTo: dx + start)
        }
        return gradients.added
    }

    /// Adds to the residual stream's gradient what comes through a norm of it, from `gradients.hidden`.
    private func differentiateNorm(_ x: FloatBuffer, _ weight: FloatBuffer) {
        let (x, dy, dx, weight) = (x.pointer, gradients.hidden.pointer, gradients.residual.pointer, weight.pointer)
        let (hidden, epsilon) = (hidden, epsilon)
        eachRow { row in
            let start = row * hidden
            Kernels.rmsNormGradient(
                x + start, weight: weight, dy: dy + start, epsilon: epsilon, count: hidden, addingTo: dx + start)
        }
    }

    private func differentiateActivation() {
        let (gate, up, dy) = (activations.gate.pointer, activations.up.pointer, gradients.activated.pointer)
        let (gateGradient, upGradient) = (gradients.gate.pointer, gradients.up.pointer)
        let (width, activation) = (configuration.feedForward, configuration.activation)
        eachRow { row in
            let start = row * width
            switch activation {
            case .silu:
                Kernels.siluMultiplyGradient(
                    gate: gate + start, up: up + start, dy: dy + start, count: width, gateGradient: gateGradient + start,
                    upGradient: upGradient + start)
            case .geluTanh:
                Kernels.geluTanhMultiplyGradient(
                    gate: gate + start, up: up + start, dy: dy + start, count: width, gateGradient: gateGradient + start,
                    upGradient: upGradient + start)
            case .clamped: preconditionFailure(DecoderConfiguration.clampedIsNotTuned)
            }
        }
    }

    /// Rotates the gradients of query and key back, and takes them through the heads' norms.
    private func differentiateRotation(_ layer: Int) {
        let (own, back, dimension, epsilon) = (activations, gradients, configuration.headDimension, epsilon)
        let maps = [
            (raw: own.rawQuery, dy: back.query, dx: back.rawQuery, heads: configuration.heads, norms: vectors.queryNorms),
            (raw: own.rawKey, dy: back.key, dx: back.rawKey, heads: configuration.keyValueHeads, norms: vectors.keyNorms),
        ]
        let positions = plan.positions
        eachRow { row in
            let table = rotations(layer, row: row)
            for map in maps {
                let start = row * map.heads * dimension
                table?.rotate(map.dy.pointer + start, heads: map.heads, headDimension: dimension, position: positions[row], isBack: true)
                if map.norms.isEmpty { continue }
                (map.dx.pointer + start).update(repeating: 0, count: map.heads * dimension)
                for head in 0..<map.heads {
                    let place = start + head * dimension
                    Kernels.rmsNormGradient(
                        map.raw.pointer + place, weight: map.norms[layer].pointer, dy: map.dy.pointer + place, epsilon: epsilon,
                        count: dimension, addingTo: map.dx.pointer + place)
                }
            }
        }
    }
}
