internal import Models
internal import Tensors

/// DoRA (Liu et al. 2024): of the changed matrix `V = W + s B A` only the direction of each output row is kept; its length is the
/// adapter's own. So rows are scaled by `g = magnitude / ||V||`.
///
/// V is made a slice of rows at a time, in f32 from the file's values, whatever A and B become in memory: 3 ms of a thread a million
/// elements.
struct WeightDecomposition {
    let module: BaseModules.Linear
    private let weights: BaseWeights
    private let rank: Int
    /// `[rank, inputs]`
    private let a: FloatBuffer
    /// `s B`: `[outputs, rank]`
    private let b: FloatBuffer
    /// The tensor that is at fault when a row cannot be scaled.
    private let tensor: String

    /// The target has its elements.
    init(_ target: LoRATarget, weights: BaseWeights) {
        module = target.module
        self.weights = weights
        rank = target.rank
        a = FloatBuffer(target.a.floats())
        b = FloatBuffer(target.b.floats())
        Kernels.multiply(b.pointer, by: Float(target.scale), count: b.count)
        tensor = (target.magnitude ?? target.b).name
    }

    /// `[outputs]`. Without a magnitude it is the norm of the base's row, as when training begins. Errors: `nonFinite` for a row that
    /// has no direction.
    func factors(_ magnitude: TensorView?) throws(AdapterError) -> [Float] {
        let given = magnitude?.floats()
        var factors = given ?? [Float](repeating: 0, count: module.outputs)
        var failed: (row: Int, norm: Float)?
        forEachSlice { rows, base, changed in
            for (index, row) in rows.enumerated() {
                if given == nil { factors[row] = norm(base + index * module.inputs) }
                let length = norm(changed + index * module.inputs)
                let factor = factors[row] / length
                if !(length > 0 && length.isFinite && factor.isFinite) { failed = failed ?? (row, length) }
                factors[row] = factor
            }
        }
        guard let failed else { return factors }
        throw AdapterError(
            .nonFinite, "row \(failed.row) of W + s B A has the norm \(failed.norm), which nothing can be scaled from", file: AdapterFile.weights,
            tensor: tensor)
    }

    /// The Frobenius norm of `g V - W`.
    func change(_ factors: [Float]) -> Double {
        var sum = 0.0
        forEachSlice { rows, base, changed in
            let count = rows.count * module.inputs
            for (index, row) in rows.enumerated() {
                Kernels.multiply(changed + index * module.inputs, by: factors[row], count: module.inputs)
            }
            Kernels.multiply(base, by: -1, count: count)
            Kernels.add(base, to: changed, count: count)
            for index in 0..<rows.count { sum += square(changed + index * module.inputs) }
        }
        return sum.squareRoot()
    }

    /// Rows of W and of V, both `[rows, inputs]`, which `body` may change.
    private func forEachSlice(
        _ body: (_ rows: Range<Int>, _ base: UnsafeMutablePointer<Float>, _ changed: UnsafeMutablePointer<Float>) -> Void
    ) {
        let step = BaseWeights.sliceRows(module.inputs)
        let (base, changed) = (FloatBuffer(count: step * module.inputs), FloatBuffer(count: step * module.inputs))
        for first in stride(from: 0, to: module.outputs, by: step) {
            let rows = first..<min(first + step, module.outputs)
            weights.read(rows, of: module.layer, module.projection, into: base.pointer)
            changed.pointer.update(from: base.pointer, count: rows.count * module.inputs)
            Kernels.lowRankExpand(
                b.pointer + first * rank, stride: rank, rows: rows.count, b: a.pointer, element: .f32, rank: rank,
                outputs: 0..<module.inputs, totalOutputs: module.inputs, into: changed.pointer, outputStride: module.inputs)
            body(rows, base.pointer, changed.pointer)
        }
    }

    private func norm(_ row: UnsafePointer<Float>) -> Float { Float(square(row).squareRoot()) }
    private func square(_ row: UnsafePointer<Float>) -> Double { Double(Kernels.dot(row, row, count: module.inputs)) }
}
