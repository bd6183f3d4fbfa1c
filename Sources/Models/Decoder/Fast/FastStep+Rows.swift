internal import Tensors

/// The residual stream and the rows that projections read.
extension FastStep {
    /// Adds the last product through its own norm, where the family has one. Then norms the residual stream's rows into
    /// `inputs.quantized` and, in a step with adapters or a trace, into `inputs.normed`.
    ///
    /// - Parameter places: which norms these are, for adapters with norms of their own.
    func norm(
        _ weight: UnsafePointer<Float>?, addingThrough outputNorm: UnsafePointer<Float>?, places: (own: NormPlace, output: NormPlace)
    ) {
        if plan.patchesNorms { return normBands(places.own, weight, addingThrough: outputNorm, at: places.output) }
        for row in inputSlice {
            if let outputNorm { addProjected(row, through: outputNorm) }
            norm(row, weight, into: row)
        }
    }

    /// One row, into the input's row `target`; without a weight as it is.
    func norm(_ row: Int, _ weight: UnsafePointer<Float>?, into target: Int) {
        guard let weight else {
            inputs.quantized.quantize(row: target, from: residual + row * hidden, columns: hidden)
            if plan.keepsNormed { (inputs.normed + target * hidden).update(from: residual + row * hidden, count: hidden) }
            return
        }
        inputs.quantized.quantizeNorm(
            row: target, of: residual + row * hidden, weight: weight, epsilon: epsilon, columns: hidden,
            into: plan.keepsNormed ? inputs.normed + target * hidden : nil)
    }

    /// `residual += rmsNorm(projected)`, one row.
    func addProjected(_ row: Int, through outputNorm: UnsafePointer<Float>) {
        let normed = inputs.scaledRow
        Kernels.rmsNorm(
            scratch.projected + row * hidden, weight: outputNorm, epsilon: epsilon, count: hidden, into: normed)
        Kernels.add(normed, to: residual + row * hidden, count: hidden)
    }

    /// The rows of x, `[rows, width]`, into `inputs.quantized`.
    func quantize(_ x: UnsafePointer<Float>, width: Int) {
        for row in inputSlice { inputs.quantized.quantize(row: row, from: x + row * width, columns: width) }
    }

    /// `gate = activation(gate) * up`
    func activate(gate: UnsafeMutablePointer<Float>, up: UnsafePointer<Float>, count: Int) {
        switch shape.activation {
        case .silu: Kernels.siluMultiply(gate: gate, up: up, count: count, into: gate)
        case .geluTanh: Kernels.geluTanhMultiply(gate: gate, up: up, count: count, into: gate)
        case .clamped(let slope, let limit): Kernels.clampedMultiply(gate: gate, up: up, slope: slope, limit: limit, count: count, into: gate)
        }
    }

    /// Adds this thread's slice of the last product to the residual stream. With output norms the next row phase adds whole rows
    /// instead.
    func addProjectedSlice() {
        if shape.outputNorms { return }
        let outputs = outputSlice(hidden)
        for row in 0..<rows {
            let start = row * hidden + outputs.lowerBound
            if shape.residualScale != 1 { Kernels.multiply(scratch.projected + start, by: shape.residualScale, count: outputs.count) }
            Kernels.add(scratch.projected + start, to: residual + start, count: outputs.count)
        }
    }
}
