internal import Tensors

/// Where each seam acts in the reference path's layers.
extension ReferenceDecoder {
    /// What follows `y = W x`: the base's bias, and what adapters do.
    func adapt(
        _ place: LinearPlace, x: UnsafePointer<Float>, inputs: Int, into y: UnsafeMutablePointer<Float>, outputs: Int
    ) {
        let bias = vectors.bias(place)
        for index in 0..<plan.bandCount {
            let band = plan.bands[index]
            let target = y + band.firstRow * outputs
            guard let patch = band.patches?[place].pointee else {
                PatchEntry.finishBase(target, rows: band.rows, outputs: 0..<outputs, width: outputs, baseBias: bias)
                continue
            }
            add(patch, x + band.firstRow * inputs, inputs: inputs, rows: band.rows, to: target, outputs: outputs)
            if let mixture = band.mixture(place) { addMixture(mixture, band, x, inputs: inputs, into: y, outputs: outputs) }
            if place.projection == .down, let mixture = band.feedForward(place.layer) {
                mixFeedForward(mixture, place.layer, band)
            } else {
                patch.finish(target, rows: band.rows, outputs: 0..<outputs, width: outputs, baseBias: bias)
            }
            if place.projection == .down, let branch = band.branch(place.layer) { addBranch(branch.pointee, band, to: target) }
        }
    }

    /// Between gate, up and down: `gate = activation(gate) * up`. Mixtures do it for each expert, in `mixFeedForward`.
    func activate(_ layer: Int) {
        for index in 0..<plan.bandCount where plan.bands[index].feedForward(layer) == nil {
            let (first, rows) = (plan.bands[index].firstRow * configuration.feedForward, plan.bands[index].rows)
            activate(gate: gate.pointer + first, up: up.pointer + first, count: rows * configuration.feedForward)
        }
    }
}
