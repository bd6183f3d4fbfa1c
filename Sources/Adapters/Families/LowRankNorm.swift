internal import Tensors

/// The size of a low-rank change without making the matrix.
enum LowRankNorm {
    /// The Frobenius norm of `B A`: the square root of the trace of `(B^T B)(A A^T)`, in f64.
    /// Cost: `O(rank^2 * (inputs + outputs))`.
    static func norm(a: TensorView, b: TensorView) -> Double {
        let rank = a.rows
        let inner = gram(a.floats(), vectors: rank, stride: a.columns, step: 1, count: a.columns)
        let outer = gram(b.floats(), vectors: rank, stride: 1, step: b.columns, count: b.rows)
        let square = zip(inner, outer).reduce(0) { $0 + $1.0 * $1.1 }
        return max(square, 0).squareRoot()
    }

    /// Products of all pairs of vectors; vector `v` has its element `i` at `v * stride + i * step`.
    private static func gram(_ values: [Float], vectors: Int, stride: Int, step: Int, count: Int) -> [Double] {
        var products = [Double](repeating: 0, count: vectors * vectors)
        values.withUnsafeBufferPointer { values in
            for first in 0..<vectors {
                for second in first..<vectors {
                    var sum = 0.0
                    for element in 0..<count {
                        sum += Double(values[first * stride + element * step]) * Double(values[second * stride + element * step])
                    }
                    products[first * vectors + second] = sum
                    products[second * vectors + first] = sum
                }
            }
        }
        return products
    }
}
