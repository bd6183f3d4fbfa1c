internal import Tensors

/// Where each seam acts in the fast path's layers.
extension FastStep {
    /// A row phase: what adapters make of this thread's rows of x, the input of a phase's projections.
    func shrink(_ layer: Int, _ phase: Range<Int>, _ x: UnsafePointer<Float>) {
        end(.rows)
        guard plan.adapts else { return }
        let width = linears.layer(layer)[phase.lowerBound].inputs
        for number in 0..<plan.bandCount {
            let band = plan.bands[number]
            if band.patches == nil { continue }
            let own = inputSlice.clamped(to: band.rowRange)
            if own.isEmpty { continue }
            shrinkLinear(number, layer, phase, own, x, width)
            if plan.hasMixtures { shrinkMixtures(band, layer, phase, own, x, width) }
            if phase == FastPhase.feedForward, let branch = band.branch(layer) { shrinkBranch(branch, own) }
        }
        scaleInputs(layer, phase, x, width)
    }

    /// An output phase: what follows `y = W x` for this thread's slice of the outputs: the base's bias, and what adapters do.
    func expand(
        _ layer: Int, _ projection: Projection, _ linear: FastDecoder.Linear, _ outputs: Range<Int>, into y: UnsafeMutablePointer<Float>
    ) {
        let place = LinearPlace(layer, projection)
        for number in 0..<plan.bandCount {
            let band = plan.bands[number]
            let target = y + band.firstRow * linear.outputs
            guard let patch = band.patches?[place] else {
                PatchEntry.finishBase(target, rows: band.rows, outputs: outputs, width: linear.outputs, baseBias: linear.bias)
                continue
            }
            expandLinear(number, place, linear, outputs, into: y)
            if let mixture = band.mixture(place) { expandMixture(mixture, projection, band, outputs, linear.outputs, into: y) }
            if projection == .down, let mixture = band.feedForward(layer) {
                expandDown(mixture, linear, band, outputs, into: y)
            } else {
                patch.pointee.finish(target, rows: band.rows, outputs: outputs, width: linear.outputs, baseBias: linear.bias)
            }
            if projection == .down, let branch = band.branch(layer) { expandBranch(branch, band, outputs, into: y) }
        }
    }

    /// Between gate, up and down, for this thread's slice of the outputs: `gate = activation(gate) * up`, or the experts' sum of it.
    func activate(_ layer: Int) {
        let (outputs, width) = (outputSlice(shape.feedForward), shape.feedForward)
        if outputs.isEmpty { return }
        for number in 0..<plan.bandCount {
            let band = plan.bands[number]
            if let mixture = band.feedForward(layer) {
                activateExperts(mixture, band, outputs)
                continue
            }
            for row in band.rowRange {
                let start = row * width + outputs.lowerBound
                activate(gate: scratch.gate + start, up: scratch.up + start, count: outputs.count)
            }
        }
    }
}
