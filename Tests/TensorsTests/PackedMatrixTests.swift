import Synchronization
import Testing

@testable import Tensors

@Suite struct PackedMatrixTests {
    private func view(_ values: [Float], _ shape: [Int]) -> TensorView? {
        values.withUnsafeBytes { TensorView(name: "w", dtype: .f32, shape: shape, copying: $0) }
    }

    /// Small integers in blocks whose largest is 127: exact in 8 bits.
    private func integers(_ outputs: Int, _ inputs: Int) -> [Float] {
        (0..<outputs * inputs).map { i in i % inputs % 32 == 0 ? 127 : Float((i * 7919) % 201 - 100) }
    }

    @Test func aProductOfIntegersIsExact() throws {
        let (outputs, inputs, rows) = (37, 70, 5)
        let w = integers(outputs, inputs), x = integers(rows, inputs)
        let matrix = try PackedMatrix(packing: #require(view(w, [outputs, inputs])))
        #expect((matrix.outputs, matrix.inputs) == (outputs, inputs))
        let quantized = QuantizedRows(capacityRows: rows, columns: 96)
        for row in 0..<rows { x.withUnsafeBufferPointer { quantized.quantize(row: row, from: $0.baseAddress! + row * inputs, columns: inputs) } }

        var y = [Float](repeating: -1, count: rows * 40)
        matrix.multiply(quantized, rows: 1..<rows, outputs: 0..<32, into: &y, stride: 40)
        matrix.multiply(quantized, rows: 1..<rows, outputs: 32..<outputs, into: &y, stride: 40)
        for row in 0..<rows {
            for output in 0..<40 {
                var expected: Float = -1
                if row > 0, output < outputs {
                    expected = (0..<inputs).map { w[output * inputs + $0] * x[row * inputs + $0] }.reduce(0, +)
                }
                #expect(y[row * 40 + output] == expected)
            }
        }

        let chosen: [Int32] = [4, 1, 1]
        var z = [Float](repeating: 0, count: 3 * outputs)
        chosen.withUnsafeBufferPointer { matrix.multiply(quantized, rowIndices: $0, outputs: 0..<outputs, into: &z, stride: outputs) }
        for (i, row) in chosen.enumerated() {
            #expect(Array(z[i * outputs..<(i + 1) * outputs]) == Array(y[Int(row) * 40..<Int(row) * 40 + outputs]))
        }
    }

    @Test func rowsComeBackInTheGivenOrder() throws {
        let w = integers(20, 64)
        let order = (0..<20).map { ($0 * 3) % 20 }
        let matrix = try PackedMatrix(packing: #require(view(w, [20, 64])), rowOrder: order)
        for output in 0..<20 {
            var row = [Float](repeating: 0, count: 64)
            matrix.dequantizeRow(output, into: &row)
            #expect(row == Array(w[order[output] * 64..<(order[output] + 1) * 64]))
        }
    }

    /// The first has more bytes than two pieces.
    @Test(arguments: [(1, [0, 1]), (2, [0, 0]), (3, [])]) func severalOnAPoolAreThoseOfOneThread(threads: Int, calls: [Int]) throws {
        let shapes = [[60_000, 130], [33, 64], [20, 70]]
        let views = try shapes.map { shape in try #require(view(integers(shape[0], shape[1]), shape)) }
        let orders = [nil, Array((0..<33).reversed()), nil]
        let pieces = Mutex<[Int]>([])
        let packed = try PackedMatrix.pack(Array(zip(views, orders)), pool: WorkerPool(threads: threads)) { piece in
            pieces.withLock { $0.append(piece) }
        }
        #expect(pieces.withLock { $0.sorted() } == calls)
        for (index, shape) in shapes.enumerated() {
            let alone = try PackedMatrix(packing: views[index], rowOrder: orders[index])
            for output in stride(from: 0, to: shape[0], by: shape[0] > 100 ? 97 : 1) {
                var (one, other) = ([Float](repeating: 0, count: shape[1]), [Float](repeating: 1, count: shape[1]))
                alone.dequantizeRow(output, into: &one)
                packed[index].dequantizeRow(output, into: &other)
                #expect(one == other)
            }
        }
        var broken = integers(20, 70)
        broken[77] = .infinity
        let wrong = try #require(view(broken, [20, 70]))
        #expect(throws: TensorError.self) {
            try PackedMatrix.pack([(views[1], nil), (wrong, nil)], pool: WorkerPool(threads: 2)) { _ in }
        }
    }

    @Test func whatCannotBePackedIsRefused() throws {
        func code(_ view: TensorView?, order: [Int]? = nil) throws -> TensorError.Code? {
            let view = try #require(view)
            do { _ = try PackedMatrix(packing: view, rowOrder: order) } catch { return error.code }
            return nil
        }
        #expect(try code(view(integers(2, 32), [64])) == .wrongShape)
        #expect(try code(view([], [0, 32])) == .wrongShape)
        #expect(try code(view(integers(2, 32), [2, 32]), order: [0]) == .wrongShape)
        #expect(try code(view(integers(2, 32), [2, 32]), order: [0, 2]) == .wrongShape)
        #expect(try code(view(integers(2, 32), [2, 32]), order: [0, -1]) == .wrongShape)
        #expect(try code(view([.nan], [1, 1])) == .notFinite)
        #expect(try code([UInt8](repeating: 0, count: 64).withUnsafeBytes { TensorView(name: "i", dtype: .i8, shape: [2, 32], copying: $0) }) == .unsupportedType)
    }

    @Test func theReferenceProductIsXTimesWTransposed() {
        let x: [Float] = [1, 2, 3, 4, 5, 6], w: [Float] = [1, 0, 0, 0, 1, 1]
        var y = [Float](repeating: .nan, count: 4)
        BLAS.multiply(x: x, w: w, into: &y, rows: 2, inputs: 3, outputs: 2)
        #expect(y == [1, 5, 4, 11])
    }
}
