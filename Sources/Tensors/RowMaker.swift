internal import CKernels

/// Makes rows of a matrix out of elements that a file holds in another order. Any number of threads use it at once.
package protocol RowMaker: AnyObject, Sendable {
    /// Writes a row as the view's type stores it.
    func write(row: Int, into target: UnsafeMutableRawPointer)
}

/// Elements of a tensor of f32, f16 or bf16 at even distances: element `column` of a row lies at `first + row * rowStep + column * columnStep`.
package final class PickedElements: RowMaker {
    private let source: TensorView
    private let first: Int
    private let rowStep: Int
    private let columnStep: Int
    private let columns: Int

    /// All places lie in the tensor.
    package init(_ source: TensorView, first: Int, rowStep: Int, columnStep: Int, columns: Int) {
        (self.source, self.first, self.rowStep, self.columnStep, self.columns) = (source, first, rowStep, columnStep, columns)
    }

    package func write(row: Int, into target: UnsafeMutableRawPointer) {
        let (size, start) = (source.dtype.blockBytes, first + row * rowStep)
        source.withUnsafeBytes { bytes in
            for column in 0..<columns {
                let place = (start + column * columnStep) * size
                (target + column * size).copyMemory(from: bytes.baseAddress! + place, byteCount: size)
            }
        }
    }
}

/// Blocks of mxfp4 as GGML has them, out of numbers and exponents apart: a byte there holds two neighbours of a row.
package final class JoinedBlocks: RowMaker {
    /// `[rows, blocks * 16]` and `[rows, blocks]`, bytes.
    private let numbers: TensorView
    private let exponents: TensorView
    private let first: Int
    private let step: Int

    /// Row r is row `first + r * step` of both.
    package init(numbers: TensorView, exponents: TensorView, first: Int, step: Int) {
        (self.numbers, self.exponents, self.first, self.step) = (numbers, exponents, first, step)
    }

    package func write(row: Int, into target: UnsafeMutableRawPointer) {
        let (source, blocks) = (first + row * step, exponents.columns)
        let output = target.assumingMemoryBound(to: UInt8.self)
        numbers.withUnsafeBytes { numbers in
            exponents.withUnsafeBytes { exponents in
                for block in 0..<blocks {
                    let (from, to) = (numbers.baseAddress! + 16 * (source * blocks + block), output + 17 * block)
                    to[0] = exponents[source * blocks + block]
                    ck_reorder_mxfp4(from, to + 1)
                }
            }
        }
    }
}

extension TensorView {
    /// Bytes of some rows, made in `memory` where they do not lie in the file so. `memory` is kept from one call to the next.
    func withRows<Result>(_ rows: Range<Int>, _ order: [Int64]?, in memory: inout [UInt8], _ body: (UnsafeRawPointer) -> Result) -> Result {
        guard let maker else { preconditionFailure("the rows of \(name) lie in its file") }
        let bytes = rowBytes
        if memory.count < rows.count * bytes { memory = [UInt8](repeating: 0, count: rows.count * bytes) }
        return memory.withUnsafeMutableBytes { target in
            for (index, row) in rows.enumerated() {
                maker.write(row: order.map { Int($0[row]) } ?? row, into: target.baseAddress! + index * bytes)
            }
            return body(UnsafeRawPointer(target.baseAddress!))
        }
    }
}
