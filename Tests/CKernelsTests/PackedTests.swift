import CKernels
import Testing

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

    /// Of one output, for each 16 inputs: the source's, or of rounded floats what they were rounded to.
    func halves(_ output: Int) -> [SourceMatrix.Half] {
        guard source.isFloat else { return source.halves[output] }
        let row = row(output) + [Float](repeating: 0, count: 32 * weights.blocks - source.inputs)
        return stride(from: 0, to: row.count, by: 16).map { start in
            let block = row[start / 32 * 32..<start / 32 * 32 + 32]
            let d = Float(Float16((source.largest(output, block.startIndex / 32)) / 127))
            return SourceMatrix.Half(d: d, q: row[start..<start + 16].map { d == 0 ? 0 : Int(($0 / d).rounded()) })
        }
    }

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
    CK_SOURCE_Q8_0, CK_SOURCE_Q2_K, CK_SOURCE_Q3_K, CK_SOURCE_Q4_K, CK_SOURCE_Q5_K, CK_SOURCE_Q6_K, CK_SOURCE_IQ4_NL, CK_SOURCE_IQ4_XS, CK_SOURCE_MXFP4,
]

@Suite struct PackedTests {
    @Test(arguments: sourceTypes) func packedRowsAreTheSourcesValues(type: ck_source_type) {
        let source = SourceMatrix(type, outputs: 19, inputs: 512, seed: 1)
        let packed = Packed(source)
        for output in 0..<source.outputs {
            let row = packed.row(output), expected = source.values[output * 512..<(output + 1) * 512]
            for (block, start) in stride(from: 0, to: 512, by: 32).enumerated() {
                let truth = Array(expected[(output * 512 + start)..<(output * 512 + start + 32)])
                let largest = truth.map(abs).max() ?? 0
                let bound: Float = source.isFloat ? largest / 250 : 1e-6 * largest
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
                #expect(Int(block.first_bias) == -32 * block.numbers[..<16].map(Int.init).reduce(0, +))
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
        let blocks = packed.weights.blocks
        let matrix = (0..<packed.source.outputs).map { packed.halves($0) }
        var y: [Float] = []
        for row in 0..<rows {
            for halves in matrix {
                var acc: Float = 0
                for b in 0..<blocks {
                    let block = x[row * blocks + b], q = block.numbers.map(Int.init)
                    let pair = [halves[2 * b], halves[2 * b + 1]]
                    let sums = (0..<2).map { h in (0..<16).reduce(0) { $0 + pair[h].q[$1] * q[16 * h + $1] } }
                    guard packed.source.hasHalves else {
                        acc = acc.addingProduct(Float(sums[0] + sums[1]), pair[0].d * block.scale)
                        if let m = pair[0].m { acc = acc.addingProduct(m, block.scaled_sum) }
                        continue
                    }
                    for h in 0..<2 { acc = acc.addingProduct(Float(sums[h]), pair[h].d * block.scale) }
                    for h in 0..<2 {
                        guard let m = pair[h].m else { continue }
                        acc = acc.addingProduct(Float(-32 * q[16 * h..<16 * h + 16].reduce(0, +)), m / -32 * block.scale)
                    }
                }
                y.append(acc)
            }
        }
        return y
    }

    @Test(arguments: sourceTypes) func everyImplementationGivesTheDocumentedBits(type: ck_source_type) {
        for (outputs, inputs, rows) in [(16, 256, 1), (35, 512, 9), (7, 256, 3), (40, 768, 27)] {
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
    @Test(arguments: [CK_SOURCE_Q4_1, CK_SOURCE_Q8_0, CK_SOURCE_Q5_1, CK_SOURCE_Q4_K, CK_SOURCE_Q6_K]) func whatIsFetchedMeanwhileChangesNothing(type: ck_source_type) {
        let (outputs, inputs, rows) = (35, 512, 29)
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
