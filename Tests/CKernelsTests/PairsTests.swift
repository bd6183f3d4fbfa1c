import CKernels
import Testing

/// Products in bf16, two elements to a word: every implementation gives the same bits, near a reference in f64 of the rounded numbers.
@Suite struct PairsTests {
    /// Shapes with rests in every dimension.
    private static let shapes = [(1, 1, 1), (3, 7, 5), (8, 48, 128), (17, 100, 64), (5, 16, 33), (9, 97, 127)]

    /// To the nearest bf16, ties to even.
    private static func rounded(_ value: Float) -> UInt16 {
        UInt16(truncatingIfNeeded: (value.bitPattern + 0x7fff + (value.bitPattern >> 16 & 1)) >> 16)
    }

    private static func number(_ half: UInt16) -> Double { Double(Float(bitPattern: UInt32(half) << 16)) }

    /// Rows `2 k` and `2 k + 1` of b in a word, `stride` words from pair to pair.
    private static func pairs(_ b: [Float], depth: Int, columns: Int, stride: Int) -> [UInt32] {
        var words = [UInt32](repeating: 0, count: (depth + 1) / 2 * stride + 16)
        for k in 0..<depth {
            for column in 0..<columns {
                words[k / 2 * stride + column] |= UInt32(rounded(b[k * columns + column])) << (k % 2 == 0 ? 0 : 16)
            }
        }
        return words
    }

    /// `c` is near `start + a b` of the rounded numbers.
    private static func check(_ c: [Float], _ a: [Float], _ b: [Float], start: [Float]?, _ shape: (rows: Int, columns: Int, depth: Int)) {
        for row in 0..<shape.rows {
            for column in 0..<shape.columns {
                var sum = start.map { Double($0[row * shape.columns + column]) } ?? 0
                for k in 0..<shape.depth {
                    sum += number(rounded(a[row * shape.depth + k])) * number(rounded(b[k * shape.columns + column]))
                }
                #expect(abs(Double(c[row * shape.columns + column]) - sum) < 1e-4)
            }
        }
    }

    @Test(arguments: shapes.filter { $0.2 <= Int(CK_PAIRS_DEPTH) }, [false, true])
    func matmulOfPairs(shape: (rows: Int, columns: Int, depth: Int), accumulates: Bool) {
        let (rows, columns, depth) = shape
        var numbers = Numbers(7 * rows + columns + depth)
        let a = numbers.floats(rows * depth), b = numbers.floats(depth * columns), start = numbers.floats(rows * columns)
        let stride = (columns + 15) / 16 * 16
        let words = Self.pairs(b, depth: depth, columns: columns, stride: stride)
        let results = implementations.map { name in
            var c = start
            kernels(name).training.matmul_pairs(a, depth, words, stride, &c, columns, rows, columns, depth, accumulates)
            return c
        }
        for (name, result) in zip(implementations, results) { #expect(bits(result) == bits(results[0]), "\(name)") }
        Self.check(results[0], a, b, start: accumulates ? start : nil, shape)
    }

    @Test(arguments: shapes)
    func productOfRoundedRows(shape: (rows: Int, columns: Int, depth: Int)) {
        let (rows, columns, depth) = shape
        var numbers = Numbers(3 * rows + columns + depth)
        let a = numbers.floats(rows * depth), b = numbers.floats(depth * columns)
        let (stride, pairs) = ((columns + 15) / 16 * 16, (depth + 31) / 32 * 16)
        var words = Self.pairs(b, depth: depth, columns: columns, stride: stride)
        words += [UInt32](repeating: 0, count: pairs * stride)
        let results = implementations.map { name in
            let table = kernels(name).training
            var (left, c) = ([UInt32](repeating: 0xffff_ffff, count: rows * pairs), [Float](repeating: .nan, count: rows * columns))
            for row in 0..<rows {
                var line = [UInt32](repeating: 0xffff_ffff, count: pairs)
                table.round_pairs(Array(a[row * depth..<(row + 1) * depth]), depth, pairs, &line)
                left.replaceSubrange(row * pairs..<(row + 1) * pairs, with: line)
            }
            table.pairs_product(left, pairs, words, stride, &c, columns, rows, columns, pairs)
            return c
        }
        for (name, result) in zip(implementations, results) { #expect(bits(result) == bits(results[0]), "\(name)") }
        Self.check(results[0], a, b, start: nil, shape)
    }

    @Test("packed weights come as bf16 in pairs of inputs and of outputs", arguments: [CK_SOURCE_Q4_1, CK_SOURCE_Q8_0, CK_SOURCE_Q5_1, CK_SOURCE_BF16])
    func unpacking(type: ck_source_type) {
        // The last panel is not whole, and where a format allows it neither is the last block.
        let (outputs, inputs) = (37, type == CK_SOURCE_BF16 ? 75 : 96)
        let packed = Packed(SourceMatrix(type, outputs: outputs, inputs: inputs, seed: 5))
        let rows = (0..<outputs).map { packed.row($0).map(Self.rounded) }
        let (begin, width, depth) = (16, 32, packed.weights.blocks * 32)
        for name in implementations {
            var byInputs = [UInt32](repeating: 0xffff_ffff, count: depth / 2 * width)
            var byOutputs = [UInt32](repeating: 0xffff_ffff, count: width / 2 * depth)
            withUnsafePointer(to: packed.weights) {
                kernels(name).training.unpack_pairs($0, begin, outputs, &byInputs, width)
                kernels(name).training.unpack_output_pairs($0, begin, outputs, &byOutputs, depth)
            }
            for output in 0..<width {
                for input in 0..<depth {
                    let isThere = begin + output < outputs && input < inputs
                    let expected = isThere ? rows[begin + output][input] : 0
                    let first = byInputs[input / 2 * width + output] >> (input % 2 == 0 ? 0 : 16)
                    let second = byOutputs[output / 2 * depth + input] >> (output % 2 == 0 ? 0 : 16)
                    // Zeros have signs that nothing depends on.
                    #expect(UInt16(truncatingIfNeeded: first) & (expected & 0x7fff == 0 ? 0x7fff : 0xffff) == (expected & 0x7fff == 0 ? 0 : expected), "\(name)")
                    #expect(first & 0xffff == second & 0xffff, "\(name)")
                }
            }
        }
    }
}
