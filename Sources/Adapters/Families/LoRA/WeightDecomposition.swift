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
        forEachSlice { rows, values in
            if given == nil { for (index, row) in rows.enumerated() { factors[row] = norm(values + index * module.inputs) } }
            addLowRank(rows, to: values)
            for (index, row) in rows.enumerated() {
                let length = norm(values + index * module.inputs)
                factors[row] /= length
                if !(length > 0 && length.isFinite && factors[row].isFinite) { failed = failed ?? (row, length) }
            }
        }
        guard let failed else { return factors }
        throw AdapterError(
            .nonFinite, "row \(failed.row) of W + s B A has the norm \(failed.norm), which nothing can be scaled from", file: AdapterFile.weights,
            tensor: tensor)
    }

    /// The Frobenius norm of `g V - W`.
    func change(_ factors: [Float]) -> Double {
        let changed = FloatBuffer(count: sliceRows * module.inputs)
        var sum = 0.0
        forEachSlice { rows, values in
            let count = rows.count * module.inputs
            changed.pointer.update(from: values, count: count)
            addLowRank(rows, to: changed.pointer)
            for (index, row) in rows.enumerated() {
                Kernels.multiply(changed.pointer + index * module.inputs, by: factors[row], count: module.inputs)
            }
            Kernels.multiply(values, by: -1, count: count)
            Kernels.add(values, to: changed.pointer, count: count)
            for index in 0..<rows.count { sum += square(changed.pointer + index * module.inputs) }
        }
        return sum.squareRoot()
    }

    private var sliceRows: Int { BaseWeights.sliceRows(module.inputs) }

    /// Rows of W, `[rows, inputs]`, which `body` may change.
    private func forEachSlice(_ body: (_ rows: Range<Int>, _ values: UnsafeMutablePointer<Float>) -> Void) {
        let slice = FloatBuffer(count: sliceRows * module.inputs)
        for first in stride(from: 0, to: module.outputs, by: sliceRows) {
            let rows = first..<min(first + sliceRows, module.outputs)
            weights.read(rows, of: module.layer, module.projection, into: slice.pointer)
            body(rows, slice.pointer)
        }
    }

    /// `values += s B A` for some rows.
    private func addLowRank(_ rows: Range<Int>, to values: UnsafeMutablePointer<Float>) {
        Kernels.lowRankExpand(
            b.pointer + rows.lowerBound * rank, stride: rank, rows: rows.count, b: a.pointer, element: .f32, rank: rank,
            outputs: 0..<module.inputs, totalOutputs: module.inputs, into: values, outputStride: module.inputs)
    }

    private func norm(_ row: UnsafePointer<Float>) -> Float { Float(square(row).squareRoot()) }
    private func square(_ row: UnsafePointer<Float>) -> Double { Double(Kernels.dot(row, row, count: module.inputs)) }
}
