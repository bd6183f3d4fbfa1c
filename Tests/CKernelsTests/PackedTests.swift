import CKernels
import Testing

/// A random matrix in a file's format, and its values.
struct SourceMatrix {
    let type: ck_source_type
    let outputs: Int
    let inputs: Int
    let rowBytes: Int
    let bytes: [UInt8]
    let values: [Float]

    init(_ type: ck_source_type, outputs: Int, inputs: Int, seed: Int) {
        var numbers = Numbers(seed)
        var bytes: [UInt8] = []
        var values: [Float] = []
        for _ in 0..<outputs {
            switch type {
            case CK_SOURCE_F32, CK_SOURCE_F16, CK_SOURCE_BF16:
                for _ in 0..<inputs {
                    let value = numbers.float() * 0.25
                    if type == CK_SOURCE_F32 {
                        Self.append(value.bitPattern, to: &bytes)
                        values.append(value)
                    } else if type == CK_SOURCE_F16 {
                        Self.append(Float16(value).bitPattern, to: &bytes)
                        values.append(Float(Float16(value)))
                    } else {
                        let upper = value.bitPattern & 0xffff_0000
                        Self.append(UInt16(upper >> 16), to: &bytes)
                        values.append(Float(bitPattern: upper))
                    }
                }
            case CK_SOURCE_Q4_K, CK_SOURCE_Q5_K, CK_SOURCE_Q6_K:
                for _ in 0..<inputs / 256 { Self.superBlock(type, &numbers, &bytes, &values) }
            default:
                for _ in 0..<inputs / 32 { Self.block(type, &numbers, &bytes, &values) }
            }
        }
        self.type = type
        self.outputs = outputs
        self.inputs = inputs
        self.bytes = bytes
        self.values = values
        rowBytes = bytes.count / outputs
    }

    private static func append<Value: FixedWidthInteger>(_ value: Value, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// A scale in f16, and its value.
    private static func scale(_ numbers: inout Numbers, _ size: Float, _ bytes: inout [UInt8]) -> Float {
        let half = Float16(numbers.float() * size)
        append(half.bitPattern, to: &bytes)
        return Float(half)
    }

    private static func block(_ type: ck_source_type, _ numbers: inout Numbers, _ bytes: inout [UInt8], _ values: inout [Float]) {
        let d = scale(&numbers, 0.02, &bytes)
        let m = type == CK_SOURCE_Q4_1 || type == CK_SOURCE_Q5_1 ? scale(&numbers, 0.1, &bytes) : 0
        if type == CK_SOURCE_Q8_0 {
            let q = (0..<32).map { _ in Int8(bitPattern: numbers.byte()) }
            bytes += q.map(UInt8.init(bitPattern:))
            values += q.map { d * Float($0) }
            return
        }
        let five = type == CK_SOURCE_Q5_0 || type == CK_SOURCE_Q5_1
        let high = UInt32(truncatingIfNeeded: numbers.bits())
        if five { append(high, to: &bytes) }
        let nibbles = (0..<16).map { _ in numbers.byte() }
        bytes += nibbles
        let bias: Float = type == CK_SOURCE_Q4_0 ? -8 : type == CK_SOURCE_Q5_0 ? -16 : 0
        for k in 0..<32 {
            let low = k < 16 ? nibbles[k] & 15 : nibbles[k - 16] >> 4
            let fifth = five ? Float(high >> UInt32(k) & 1) * 16 : 0
            values.append(d * (Float(low) + fifth + bias) + m)
        }
    }

    private static func superBlock(_ type: ck_source_type, _ numbers: inout Numbers, _ bytes: inout [UInt8], _ values: inout [Float]) {
        if type == CK_SOURCE_Q6_K {
            let low = (0..<128).map { _ in numbers.byte() }, high = (0..<64).map { _ in numbers.byte() }
            let scales = (0..<16).map { _ in Int8(bitPattern: numbers.byte()) }
            bytes += low + high + scales.map(UInt8.init(bitPattern:))
            let d = scale(&numbers, 0.001, &bytes)
            for k in 0..<256 {
                let (half, part, l) = (k / 128, k % 128 / 32, k % 32)
                let nibble = low[64 * half + 32 * (part % 2) + l] >> (part < 2 ? 0 : 4) & 15
                let upper = high[32 * half + l] >> UInt8(2 * part) & 3
                values.append(d * Float(scales[k / 16]) * Float(Int(nibble | upper << 4) - 32))
            }
            return
        }
        let d = scale(&numbers, 0.001, &bytes), dmin = scale(&numbers, 0.001, &bytes)
        let packed = (0..<12).map { _ in numbers.byte() }
        bytes += packed
        let high = (0..<32).map { _ in numbers.byte() }
        if type == CK_SOURCE_Q5_K { bytes += high }
        let nibbles = (0..<128).map { _ in numbers.byte() }
        bytes += nibbles
        for k in 0..<256 {
            let i = k / 32
            let s = i < 4 ? packed[i] & 63 : packed[i + 4] & 15 | (packed[i - 4] >> 6) << 4
            let m = i < 4 ? packed[i + 4] & 63 : packed[i + 4] >> 4 | (packed[i] >> 6) << 4
            var q = nibbles[32 * (i / 2) + k % 32] >> (i % 2 == 0 ? 0 : 4) & 15
            if type == CK_SOURCE_Q5_K { q |= (high[k % 32] >> UInt8(i) & 1) << 4 }
            values.append(d * Float(s) * Float(q) - dmin * Float(m))
        }
    }
}

/// Packed weights in memory of their own.
final class Packed {
    let weights: ck_packed
    let source: SourceMatrix
    private let memory: UnsafeMutableRawPointer

    init(_ source: SourceMatrix, order: [Int64]? = nil) {
        self.source = source
        let form = ck_packed_form_of(source.type), blocks = (source.inputs + 31) / 32, panels = (source.outputs + 15) / 16
        let panelBytes = ck_packed_panel_bytes(form, blocks)
        memory = .allocate(byteCount: panels * panelBytes, alignment: 64)
        let data = memory.bindMemory(to: UInt8.self, capacity: panels * panelBytes)
        weights = ck_packed(data: data, outputs: source.outputs, blocks: blocks, panel_bytes: panelBytes, form: form)
        // One byte in, so that no source is aligned.
        let result = ([0] + source.bytes).withUnsafeBufferPointer { bytes in
            (order ?? []).withUnsafeBufferPointer { rows in
                ck_pack(
                    source.type, bytes.baseAddress! + 1, source.rowBytes, order == nil ? nil : rows.baseAddress, source.outputs,
                    source.inputs, 0, panels, data)
            }
        }
        precondition(result == CK_PACK_DONE)
    }

    deinit { memory.deallocate() }

    func row(_ output: Int) -> [Float] {
        var y = [Float](repeating: .nan, count: source.inputs)
        withUnsafePointer(to: weights) { ck_unpack_row($0, output, source.inputs, &y) }
        return y
    }

    /// `[rows, outputs]`; what is not written stays NaN.
    func multiply(
        _ x: [ck_row_block], rows: Int, first: Int = 0, indices: [Int32]? = nil, begin: Int = 0, end: Int? = nil,
        fetching fetch: UnsafePointer<ck_fetch>? = nil, by name: String
    ) -> [Float] {
        var y = [Float](repeating: .nan, count: rows * source.outputs)
        withUnsafePointer(to: weights) { w in
            (indices ?? []).withUnsafeBufferPointer { list in
                kernels(name).packed.multiply(
                    w, x, weights.blocks, indices == nil ? nil : list.baseAddress, first, rows, begin, end ?? source.outputs, &y,
                    source.outputs, fetch)
            }
        }
        return y
    }
}

func quantize(_ x: [Float], rows: Int, columns: Int, by name: String) -> [ck_row_block] {
    let blocks = (columns + 31) / 32
    var result = [ck_row_block](repeating: ck_row_block(), count: rows * blocks)
    for row in 0..<rows {
        unaligned(Array(x[row * columns..<(row + 1) * columns])).withUnsafeBufferPointer { source in
            result.withUnsafeMutableBufferPointer {
                kernels(name).packed.quantize(source.baseAddress! + 1, columns, blocks, $0.baseAddress! + row * blocks)
            }
        }
    }
    return result
}

extension ck_row_block {
    var numbers: [Int8] { withUnsafeBytes(of: q) { Array($0.bindMemory(to: Int8.self)) } }
    /// All bits.
    var words: [UInt32] { withUnsafeBytes(of: self) { bytes in (0..<12).map { bytes.load(fromByteOffset: 4 * $0, as: UInt32.self) } } }
}

let sourceTypes: [ck_source_type] = [
    CK_SOURCE_F32, CK_SOURCE_F16, CK_SOURCE_BF16, CK_SOURCE_Q4_0, CK_SOURCE_Q4_1, CK_SOURCE_Q5_0, CK_SOURCE_Q5_1,
    CK_SOURCE_Q8_0, CK_SOURCE_Q4_K, CK_SOURCE_Q5_K, CK_SOURCE_Q6_K,
]

@Suite struct PackedTests {
    @Test(arguments: sourceTypes) func packedRowsAreTheSourcesValues(type: ck_source_type) {
        let source = SourceMatrix(type, outputs: 19, inputs: 512, seed: 1)
        let packed = Packed(source)
        let exact = [CK_SOURCE_Q4_0, CK_SOURCE_Q4_1, CK_SOURCE_Q5_0, CK_SOURCE_Q5_1, CK_SOURCE_Q8_0].contains(type)
        for output in 0..<source.outputs {
            let row = packed.row(output), expected = source.values[output * 512..<(output + 1) * 512]
            for (block, start) in stride(from: 0, to: 512, by: 32).enumerated() {
                let truth = Array(expected[(output * 512 + start)..<(output * 512 + start + 32)])
                let largest = truth.map(abs).max() ?? 0
                // q4_K and q5_K round a scale to 11 bits; the others, where not exact, to 8 bits of the block's largest.
                let bound: Float =
                    exact ? 1e-6 * largest : type == CK_SOURCE_Q4_K || type == CK_SOURCE_Q5_K ? 2e-3 * (largest + 0.07) : largest / 250
                for k in 0..<32 {
                    #expect(abs(row[start + k] - truth[k]) <= bound, "output \(output) block \(block) input \(k)")
                }
            }
        }
    }

    @Test func rowsCanBeReordered() {
        let source = SourceMatrix(CK_SOURCE_Q4_1, outputs: 33, inputs: 64, seed: 2)
        let order = (0..<33).map { Int64(($0 * 7) % 33) }
        let plain = Packed(source), permuted = Packed(source, order: order)
        for output in 0..<33 { #expect(permuted.row(output) == plain.row(Int(order[output]))) }
    }

    @Test func notFiniteWeightsAreRefused() {
        for value in [Float.nan, .infinity, 1e9] {
            var bytes: [UInt8] = []
            for k in 0..<32 { withUnsafeBytes(of: k == 5 ? value : Float(k)) { bytes.append(contentsOf: $0) } }
            var target = [UInt8](repeating: 0, count: 576)
            #expect(ck_pack(CK_SOURCE_F32, bytes, 128, nil, 1, 32, 0, 1, &target) == CK_PACK_NOT_FINITE)
        }
    }

    /// Four blocks are quantised at once where there are four.
    @Test func aBlocksBitsDoNotDependOnItsNeighbours() {
        var numbers = Numbers(7)
        var x = numbers.floats(640, scale: 3)
        for i in 96..<128 { x[i] = 0 }
        (x[165], x[200], x[201], x[511]) = (.nan, .infinity, .nan, -.infinity)
        for i in 288..<320 { x[i] *= 1e-35 }
        let alone = (0..<20).map { quantize(Array(x[32 * $0..<32 * $0 + 32]), rows: 1, columns: 32, by: "scalar")[0].words }
        for name in implementations { #expect(quantize(x, rows: 1, columns: 640, by: name).map(\.words) == alone, "\(name)") }
    }

    /// In one pass as in two; one element may not be finite.
    @Test(arguments: [0, 1, 5, 16, 17, 31, 32, 33, 64, 100, 128, 159, 576], [Float(0.5), .infinity])
    func aNormIsQuantizedAsItIsAlone(columns: Int, last: Float) {
        var numbers = Numbers(columns + 1)
        var x = numbers.floats(columns, scale: 3)
        if columns > 0 { x[columns - 1] = last }
        let weight = numbers.floats(columns, scale: 2), blocks = (columns + 31) / 32
        var normed = [Float](repeating: .nan, count: columns)
        kernels("scalar").elementwise.rms_norm(x, weight, 1e-5, columns, &normed)
        let expected = quantize(normed, rows: 1, columns: columns, by: "scalar").map(\.words)
        for name in implementations {
            for isStored in [false, true] {
                // What lies past the last column stays as it is.
                var y = [Float](repeating: -7, count: columns + 1)
                var result = [ck_row_block](repeating: ck_row_block(), count: blocks)
                y.withUnsafeMutableBufferPointer {
                    kernels(name).packed.norm_quantize(x, weight, 1e-5, columns, blocks, &result, isStored ? $0.baseAddress : nil)
                }
                #expect(result.map(\.words) == expected, "\(name)")
                #expect(bits(y) == bits(isStored ? normed + [-7] : [Float](repeating: -7, count: columns + 1)), "\(name)")
            }
        }
    }

    @Test(arguments: [0, 1, 5, 16, 17, 31, 32, 33, 64, 100, 128, 159, 576]) func activationsAreRoundedToNearest(columns: Int) {
        var numbers = Numbers(columns)
        var x = numbers.floats(columns, scale: 3)
        if columns > 40 { x[40] = -50 }
        let all = implementations.map { quantize(x, rows: 1, columns: columns, by: $0) }
        for blocks in all {
            for (b, block) in blocks.enumerated() {
                let part = (0..<32).map { 32 * b + $0 < columns ? x[32 * b + $0] : 0 }
                let largest = part.map(abs).max() ?? 0
                #expect(block.scale == largest / 127)
                for k in 0..<32 { #expect(abs(Float(block.numbers[k]) * block.scale - part[k]) <= block.scale * 0.5001) }
                let sum = block.numbers.map(Int.init).reduce(0, +)
                #expect(Int(block.bias) == -128 * sum)
                #expect(block.scaled_sum == block.scale * Float(sum))
                #expect(block.numbers == all[0][b].numbers && block.scale == all[0][b].scale)
            }
        }
    }

    @Test func notFiniteActivationsMakeTheRowNaN() {
        let packed = Packed(SourceMatrix(CK_SOURCE_Q8_0, outputs: 16, inputs: 64, seed: 3))
        for name in implementations {
            for bad in [Float.nan, .infinity, -.infinity] {
                var x = [Float](repeating: 1, count: 128)
                x[70] = bad
                let y = packed.multiply(quantize(x, rows: 2, columns: 64, by: name), rows: 2, by: name)
                #expect(y[..<16].allSatisfy { $0.isFinite })
                #expect(y[16...].allSatisfy { $0.isNaN })
            }
        }
    }

    /// The documented order of operations, spelled out.
    func reference(_ packed: Packed, _ x: [ck_row_block], rows: Int) -> [Float] {
        let source = packed.source, blocks = packed.weights.blocks, data = packed.weights.data!
        func half(_ p: UnsafePointer<UInt8>) -> Float { Float(Float16(bitPattern: UInt16(p[0]) | UInt16(p[1]) << 8)) }
        var y: [Float] = []
        for row in 0..<rows {
            for output in 0..<source.outputs {
                let panel = data + output / 16 * packed.weights.panel_bytes, lane = output % 16
                var acc: Float = 0
                for b in 0..<blocks {
                    let block = x[row * blocks + b], q = block.numbers
                    var sum: Int32 = 0
                    let d: Float, m: Float
                    if packed.weights.form == CK_PACKED_4 {
                        let p = panel + 320 * b
                        for k in 0..<32 {
                            let byte = p[64 * (k % 16 / 4) + 4 * lane + k % 4]
                            sum += Int32(k < 16 ? byte & 15 : byte >> 4) * Int32(q[k])
                        }
                        (d, m) = (half(p + 256 + 2 * lane), half(p + 288 + 2 * lane))
                    } else {
                        let bias: Int32 = packed.weights.form == CK_PACKED_8 ? 128 : 0
                        for k in 0..<32 { sum += (Int32(panel[512 * b + 64 * (k / 4) + 4 * lane + k % 4]) - bias) * Int32(q[k]) }
                        let scales = panel + 512 * blocks + 2 * (16 * b + lane)
                        (d, m) = (half(scales), bias == 0 ? half(scales + 32 * blocks) : 0)
                    }
                    acc = acc.addingProduct(Float(sum), d * block.scale)
                    if packed.weights.form != CK_PACKED_8 { acc = acc.addingProduct(m, block.scaled_sum) }
                }
                y.append(acc)
            }
        }
        return y
    }

    @Test(arguments: sourceTypes) func everyImplementationGivesTheDocumentedBits(type: ck_source_type) {
        for (outputs, inputs, rows) in [(16, 256, 1), (35, 512, 9), (7, 256, 3), (64, 768, 17)] {
            let packed = Packed(SourceMatrix(type, outputs: outputs, inputs: inputs, seed: outputs))
            var numbers = Numbers(rows)
            let x = quantize(numbers.floats(rows * inputs), rows: rows, columns: inputs, by: "scalar")
            let expected = reference(packed, x, rows: rows)
            for name in implementations {
                #expect(bits(packed.multiply(x, rows: rows, by: name)) == bits(expected), "\(name) \(outputs)x\(inputs), \(rows) rows")
            }
        }
    }

    /// Fewer lines than blocks, more of them, ranges that end within a line, none at all.
    @Test(arguments: [CK_SOURCE_Q4_1, CK_SOURCE_Q8_0, CK_SOURCE_Q5_1]) func whatIsFetchedMeanwhileChangesNothing(type: ck_source_type) {
        let (outputs, inputs, rows) = (35, 512, 9)
        let packed = Packed(SourceMatrix(type, outputs: outputs, inputs: inputs, seed: 3))
        var numbers = Numbers(rows)
        let x = quantize(numbers.floats(rows * inputs), rows: rows, columns: inputs, by: "scalar")
        let memory = [UInt8](repeating: 1, count: 64_000)
        memory.withUnsafeBufferPointer { memory in
            for sizes in [[], [1], [64, 100, 63], [32_000, 5, 31_000]] {
                var start = 0
                let ranges = sizes.map { size in
                    defer { start += size }
                    return ck_fetch_range(start: memory.baseAddress! + start, bytes: size)
                }
                ranges.withUnsafeBufferPointer {
                    var fetch = ck_fetch(
                        ranges: $0.baseAddress, count: sizes.count, lines: sizes.reduce(0) { $0 + ($1 + 63) / 64 },
                        after: sizes.count == 1 ? nil : memory.baseAddress)
                    for name in implementations {
                        #expect(
                            bits(packed.multiply(x, rows: rows, fetching: &fetch, by: name))
                                == bits(packed.multiply(x, rows: rows, by: name)), "\(name) \(sizes)")
                    }
                }
            }
        }
    }

    @Test(arguments: [CK_SOURCE_F32, CK_SOURCE_F16, CK_SOURCE_BF16]) func inputsNeedNotBeAMultipleOf32(type: ck_source_type) {
        for inputs in [1, 31, 33, 50] {
            let packed = Packed(SourceMatrix(type, outputs: 21, inputs: inputs, seed: inputs))
            var numbers = Numbers(inputs)
            let x = quantize(numbers.floats(3 * inputs), rows: 3, columns: inputs, by: "scalar")
            let expected = reference(packed, x, rows: 3)
            for name in implementations { #expect(bits(packed.multiply(x, rows: 3, by: name)) == bits(expected)) }
        }
    }

    @Test(arguments: sourceTypes) func productsAreNearTheFloatOnes(type: ck_source_type) {
        let (outputs, inputs, rows) = (48, 512, 5)
        let source = SourceMatrix(type, outputs: outputs, inputs: inputs, seed: 9)
        var numbers = Numbers(10)
        let x = numbers.floats(rows * inputs)
        for name in implementations {
            let y = Packed(source).multiply(quantize(x, rows: rows, columns: inputs, by: name), rows: rows, by: name)
            for row in 0..<rows {
                for output in 0..<outputs {
                    var exact = 0.0, size = 0.0
                    for k in 0..<inputs {
                        let product = Double(x[row * inputs + k]) * Double(source.values[output * inputs + k])
                        exact += product
                        size += product * product
                    }
                    // Rounding errors of 1/254 of the block's largest, independent: far below 2 % of the terms' norm.
                    #expect(abs(Double(y[row * outputs + output]) - exact) < 0.02 * size.squareRoot() + 1e-5)
                }
            }
        }
    }

    @Test(arguments: implementations) func aRowAloneIsTheRowInABatch(name: String) {
        for type in sourceTypes {
            // An odd number of outputs; the inputs need not fill a block where the format lets them.
            let inputs = [CK_SOURCE_F32, CK_SOURCE_F16, CK_SOURCE_BF16].contains(type) ? 83 : 256
            let packed = Packed(SourceMatrix(type, outputs: 35, inputs: inputs, seed: 4))
            var numbers = Numbers(5)
            let x = quantize(numbers.floats(33 * inputs), rows: 33, columns: inputs, by: name)
            let alone = (0..<33).map { packed.multiply(x, rows: 1, first: $0, by: name) }
            #expect(bits(Array(alone.joined())) == bits(packed.multiply(x, rows: 33, by: "scalar")))
            for rows in 1...33 {
                #expect(bits(packed.multiply(x, rows: rows, by: name)) == bits(Array(alone[..<rows].joined())), "\(rows) rows")
            }
            let indices: [Int32] = [32, 0, 7, 7, 31, 1, 2, 3, 30, 12, 11]
            let chosen = packed.multiply(x, rows: indices.count, indices: indices, by: name)
            #expect(bits(chosen) == bits(indices.flatMap { alone[Int($0)] }))
        }
    }

    @Test(arguments: implementations) func rowsBeyondTheCacheAndSlicesOfOutputsChangeNothing(name: String) {
        // 400 rows of 2,048 inputs are cut into several chunks.
        let packed = Packed(SourceMatrix(CK_SOURCE_Q4_0, outputs: 40, inputs: 2048, seed: 6))
        let rows = name == "scalar" ? 130 : 400
        var numbers = Numbers(7)
        let x = quantize(numbers.floats(rows * 2048), rows: rows, columns: 2048, by: name)
        let whole = packed.multiply(x, rows: rows, by: name)
        let low = packed.multiply(x, rows: rows, end: 32, by: name), high = packed.multiply(x, rows: rows, begin: 32, by: name)
        for row in stride(from: 0, to: rows, by: 37) {
            #expect(bits(packed.multiply(x, rows: 1, first: row, by: name)) == bits(Array(whole[row * 40..<(row + 1) * 40])))
        }
        for i in 0..<whole.count {
            #expect((i % 40 < 32 ? low : high)[i].bitPattern == whole[i].bitPattern)
            #expect((i % 40 < 32 ? high : low)[i].isNaN)  // not touched
        }
    }
}
