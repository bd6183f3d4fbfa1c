internal import Tensors

/// Products with the base's matrices.
extension FastStep {
    /// `y = W x` for this thread's slice of the outputs, with the base's bias and what adapters do to it. y is `[rows, outputs]`.
    func multiply(_ layer: Int, _ projection: Projection, into y: UnsafeMutablePointer<Float>) {
        let place = LinearPlace(layer, projection)
        let linear = linears[place].pointee
        let outputs = outputs(of: projection, linear.outputs)
        if outputs.isEmpty { return }
        linear.matrix.multiply(
            input(projection), rows: 0..<rows, outputs: outputs, into: y, stride: linear.outputs,
            fetching: fetch(place, projection, outputs))
        end(projection.phase)
        expand(layer, projection, linear, outputs, into: y)
        end(.adapters)
    }

    /// The phase's rows, or this projection's own, where an adapter scales them.
    private func input(_ projection: Projection) -> QuantizedRows.View {
        guard scalesInputs, plan.scalesInput(projection.rawValue) else { return inputs.quantized }
        return scaled(projection.placeInPhase) ?? inputs.quantized
    }
}
