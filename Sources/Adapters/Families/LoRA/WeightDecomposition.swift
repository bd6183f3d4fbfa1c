internal import Models
internal import Tensors

/// DoRA (Liu et al. 2024): of the changed matrix `V = W + s B A` only the direction of each output row is kept; its length is the
/// adapter's own. So rows are scaled by `g = magnitude / ||V||`. In an embedding table, whose rows are tokens, columns are scaled.
///
/// V is made a slice of rows at a time, in f32 from the file's values, whatever A and B become in memory: 3 ms of a thread a million
/// elements.
struct WeightDecomposition {
    /// Factors this close to 1 count as 1, because norms are rounded.
    private static let unity: Float = 1e-5

    private let rows: Int
    private let columns: Int
    private let scalesColumns: Bool
    private let rank: Int
    /// `[rank, columns]`
    private let a: FloatBuffer
    /// `s B`: `[rows, rank]`
    private let b: FloatBuffer
    /// Writes rows of W, `[rows, columns]`.
    private let read: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
    /// The tensor that an error names when a row cannot be scaled.
    private let tensor: String

    /// The target has its elements.
    init(_ target: LoRATarget, weights: BaseWeights) {
        let module = target.module
        (rows, columns, rank, scalesColumns) = (module.outputs, module.inputs, target.rank, false)
        a = FloatBuffer(target.a.floats())
        b = FloatBuffer(target.b.floats())
        read = { weights.read($0, of: module.layer, module.projection, into: $1) }
        tensor = (target.magnitude ?? target.b).name
        Kernels.multiply(b.pointer, by: Float(target.scale), count: b.count)
    }

    /// Of the embedding or the head; `table`: the adapter's own, `[vocabulary, hidden]`. The tensors have their elements.
    init(_ pair: VocabularyPair, _ module: VocabularyModule, weights: BaseWeights, table: TensorView?) {
        rank = pair.rank
        scalesColumns = module == .embedding
        if module == .embedding {
            (rows, columns) = (pair.a.columns, pair.b.rows)
            a = Self.transposed(pair.b)
            b = Self.transposed(pair.a)
        } else {
            (rows, columns) = (pair.b.rows, pair.a.columns)
            a = FloatBuffer(pair.a.floats())
            b = FloatBuffer(pair.b.floats())
        }
        read = { if let table { table.dequantizeRows($0, into: $1) } else { weights.read(module, $0, into: $1) } }
        tensor = (pair.magnitude ?? pair.b).name
        Kernels.multiply(b.pointer, by: Float(pair.scale), count: b.count)
    }

    private static func transposed(_ view: TensorView) -> FloatBuffer {
        let buffer = FloatBuffer(count: view.elementCount)
        view.transposeElements(as: .f32, into: buffer.pointer)
        return buffer
    }

    /// Scaling by these factors does nothing.
    static func areUnity(_ factors: [Float]) -> Bool { factors.allSatisfy { abs($0 - 1) <= unity } }

    /// One for each row, or column. Without a magnitude it is the norm of the base's, as when training begins. Errors: `nonFinite` for
    /// one that has no direction.
    func factors(_ magnitude: TensorView?) throws(AdapterError) -> [Float] {
        let count = scalesColumns ? columns : rows
        var (lengths, baseLengths) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: magnitude == nil ? count : 0))
        forEachSlice { slice, values in
            if magnitude == nil { addSquares(slice, values, to: &baseLengths) }
            addLowRank(slice, to: values)
            addSquares(slice, values, to: &lengths)
        }
        var factors = magnitude?.floats() ?? baseLengths.map { Float($0.squareRoot()) }
        for index in factors.indices {
            let length = Float(lengths[index].squareRoot())
            factors[index] /= length
            guard length > 0 && length.isFinite && factors[index].isFinite else {
                throw AdapterError(
                    .nonFinite,
                    "\(scalesColumns ? "column" : "row") \(index) of W + s B A has the norm \(length), which nothing can be scaled from",
                    file: AdapterFile.weights, tensor: tensor)
            }
        }
        return factors
    }

    private func addSquares(_ slice: Range<Int>, _ values: UnsafePointer<Float>, to sums: inout [Double]) {
        for (index, row) in slice.enumerated() {
            let x = values + index * columns
            if scalesColumns {
                for column in 0..<columns { sums[column] += Double(x[column]) * Double(x[column]) }
            } else {
                sums[row] += Double(Kernels.dot(x, x, count: columns))
            }
        }
    }

    /// The Frobenius norm of `g V - W`.
    func change(_ factors: [Float]) -> Double {
        let columnFactors = scalesColumns ? FloatBuffer(factors) : nil
        let changed = FloatBuffer(count: sliceRows * columns)
        var sum = 0.0
        forEachSlice { slice, values in
            let count = slice.count * columns
            changed.pointer.update(from: values, count: count)
            addLowRank(slice, to: changed.pointer)
            for (index, row) in slice.enumerated() {
                let x = changed.pointer + index * columns
                if let columnFactors {
                    Kernels.multiply(x, elementwise: columnFactors.pointer, count: columns)
                } else {
                    Kernels.multiply(x, by: factors[row], count: columns)
                }
            }
            Kernels.multiply(values, by: -1, count: count)
            Kernels.add(values, to: changed.pointer, count: count)
            for index in 0..<slice.count {
                let x = changed.pointer + index * columns
                sum += Double(Kernels.dot(x, x, count: columns))
            }
        }
        return sum.squareRoot()
    }

    private var sliceRows: Int { BaseWeights.sliceRows(columns) }

    /// Rows of W, `[rows, columns]`, which `body` may change.
    private func forEachSlice(_ body: (_ rows: Range<Int>, _ values: UnsafeMutablePointer<Float>) -> Void) {
        let slice = FloatBuffer(count: sliceRows * columns)
        for first in stride(from: 0, to: rows, by: sliceRows) {
            let range = first..<min(first + sliceRows, rows)
            read(range, slice.pointer)
            body(range, slice.pointer)
        }
    }

    /// `values += s B A` for some rows.
    private func addLowRank(_ range: Range<Int>, to values: UnsafeMutablePointer<Float>) {
        Kernels.lowRankExpand(
            b.pointer + range.lowerBound * rank, stride: rank, rows: range.count, b: a.pointer, element: .f32, rank: rank,
            outputs: 0..<columns, totalOutputs: columns, into: values, outputStride: columns)
    }
}
