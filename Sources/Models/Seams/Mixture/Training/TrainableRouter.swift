internal import Tensors

/// A router of an adapter in training: pointers into the adapter's buffers. Isolation: that of its `TrainableAdapter`.
final class TrainableRouter {
    let experts: Int
    let inputs: Int
    let selection: ExpertSelection
    /// `[experts, inputs]`
    let weights: UnsafePointer<Float>
    let gradient: UnsafeMutablePointer<Float>

    init(
        _ selection: ExpertSelection, _ tensor: ParameterTensor, parameters: UnsafeMutablePointer<Float>,
        gradients: UnsafeMutablePointer<Float>
    ) {
        (experts, inputs, self.selection) = (tensor.rows, tensor.columns, selection)
        weights = UnsafePointer(parameters + tensor.offset)
        gradient = gradients + tensor.offset
    }

    /// One row: the softmax p of the logits, and each expert's weight in the mixture, which is 0 where it is not chosen. `[experts]` each.
    func route(_ x: UnsafePointer<Float>, p: UnsafeMutablePointer<Float>, weights chosen: UnsafeMutablePointer<Float>) {
        Kernels.dots(x, weights, rowCount: experts, count: inputs, into: p)
        Kernels.softmax(p, count: experts)
        chosen.update(repeating: 0, count: experts)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * experts) { values in
            withUnsafeTemporaryAllocation(of: Int32.self, capacity: experts) { places in
                guard let values = values.baseAddress, let places = places.baseAddress else { return }
                values.update(from: p, count: experts)
                let count = selection.choose(values, experts: experts, into: places, weights: values + experts)
                for index in 0..<count { chosen[Int(places[index])] = values[experts + index] }
            }
        }
    }

    /// One row: the gradient of the logits, where `c[e]` is that of expert e's weight; of experts that are not chosen it is not read.
    ///
    /// With renormalised weights w: `dz_e = w_e (c_e - sum of w c)`. With weights that are p, divided by a temperature or not:
    /// `dz_e = w_e c_e - p_e sum of w c`.
    func slopes(
        _ c: UnsafePointer<Float>, p: UnsafePointer<Float>, weights: UnsafePointer<Float>, into dz: UnsafeMutablePointer<Float>
    ) {
        var mean = Float(0)
        for expert in 0..<experts where weights[expert] != 0 { mean += weights[expert] * c[expert] }
        let isNormalised = if case .cumulative = selection { false } else { true }
        for expert in 0..<experts {
            let own = weights[expert] == 0 ? 0 : weights[expert] * c[expert]
            dz[expert] = own - (isNormalised ? weights : p)[expert] * mean
        }
    }
}
