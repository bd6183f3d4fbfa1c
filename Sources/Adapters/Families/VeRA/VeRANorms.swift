internal import Tensors

/// The sizes of a VeRA's changes without making the matrices: the norm of `diag(lb) B diag(ld) A` is the square root of the trace of
/// `(B^T diag(lb²) B) (diag(ld) A A^T diag(ld))`. Products of all ranks with each other are f32, by BLAS.
struct VeRANorms {
    private let rank: Int
    /// `[rank, outputs of the widest module]`
    private let transposedB: FloatBuffer
    private let widest: Int
    /// `A A^T`, `[rank, rank]`, by how many inputs of A are taken.
    private let products: [Int: FloatBuffer]

    init(_ projections: VeRAProjections, inputs: Set<Int>) {
        rank = projections.a.rows
        widest = projections.b.rows
        let b = projections.b.floats()
        transposedB = FloatBuffer(count: rank * widest)
        for row in 0..<rank {
            for output in 0..<widest { transposedB.pointer[row * widest + output] = b[output * rank + row] }
        }
        var products: [Int: FloatBuffer] = [:]
        for count in inputs {
            products[count] = Self.products(FloatBuffer(projections.a.corner(rows: rank, columns: count).floats()), rank, count)
        }
        self.products = products
    }

    /// The target has its elements.
    func norm(_ target: VeRATarget) -> Double {
        guard let inner = products[target.module.inputs] else { return 0 }
        let (outputs, factors) = (target.module.outputs, FloatBuffer(target.outputFactors.floats()))
        let scaled = FloatBuffer(count: rank * outputs)
        for row in 0..<rank {
            let own = scaled.pointer + row * outputs
            own.update(from: transposedB.pointer + row * widest, count: outputs)
            Kernels.multiply(own, elementwise: factors.pointer, count: outputs)
        }
        let outer = Self.products(scaled, rank, outputs)
        Kernels.multiply(outer.pointer, elementwise: inner.pointer, count: rank * rank)
        let ranks = FloatBuffer(target.rankFactors.floats())
        let square = (0..<rank).reduce(0.0) { sum, row in
            sum + Double(ranks.pointer[row]) * Double(Kernels.dot(outer.pointer + row * rank, ranks.pointer, count: rank))
        }
        return max(square, 0).squareRoot()
    }

    /// Of the rows of `[rank, count]` with each other.
    private static func products(_ rows: FloatBuffer, _ rank: Int, _ count: Int) -> FloatBuffer {
        let products = FloatBuffer(count: rank * rank)
        BLAS.multiply(x: rows.pointer, w: rows.pointer, into: products.pointer, rows: rank, inputs: count, outputs: rank)
        return products
    }
}
