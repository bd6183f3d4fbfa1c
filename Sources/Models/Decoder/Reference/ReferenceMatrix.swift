internal import Tensors

/// Products with matrices that stay in the file: each slice of rows is dequantised and multiplied.
final class ReferenceMatrix {
    /// Elements of a slice.
    private static let sliceElements = 4 << 20

    private let weights = GrowingFloats()
    private let products = GrowingFloats()

    /// Makes room for products of so many rows with a matrix. Errors: the system has no memory.
    func reserve(rows: Int, outputs: Int, inputs: Int) throws(ResourceError) {
        let step = min(outputs, max(1, Self.sliceElements / inputs))
        try weights.grow(to: step * inputs)
        try products.grow(to: rows * step)
    }

    /// `y[row, i] = W[order[i]] x[row]` (`W[i]` without an order): x is `[rows, inputs]`, y `[rows, outputs]`.
    func multiply(
        _ view: TensorView, rowOrder: [Int]? = nil, _ x: UnsafePointer<Float>, rows: Int,
        into y: UnsafeMutablePointer<Float>
    ) {
        let (outputs, inputs) = (view.rows, view.columns)
        let step = min(outputs, max(1, Self.sliceElements / inputs))
        weights.reserve(step * inputs)
        products.reserve(rows * step)
        for first in stride(from: 0, to: outputs, by: step) {
            let count = min(step, outputs - first)
            if let rowOrder {
                for row in 0..<count {
                    let source = rowOrder[first + row]
                    view.dequantizeRows(source..<source + 1, into: weights.pointer + row * inputs)
                }
            } else {
                view.dequantizeRows(first..<first + count, into: weights.pointer)
            }
            BLAS.multiply(
                x: x, w: weights.pointer, into: products.pointer, rows: rows, inputs: inputs, outputs: count)
            for row in 0..<rows {
                (y + row * outputs + first).update(from: products.pointer + row * count, count: count)
            }
        }
    }

    /// `y[row, i] = W[range[i]] x[row]`: x is `[rows, inputs]`, y `[rows, range]`.
    func multiply(_ view: TensorView, _ range: Range<Int>, _ x: UnsafePointer<Float>, rows: Int, into y: UnsafeMutablePointer<Float>) {
        weights.reserve(range.count * view.columns)
        view.dequantizeRows(range, into: weights.pointer)
        BLAS.multiply(x: x, w: weights.pointer, into: y, rows: rows, inputs: view.columns, outputs: range.count)
    }
}
