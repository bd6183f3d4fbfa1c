import CKernels
import Testing

/// A matrix packed by one implementation, and the weights that its header says it then has.
private struct PackedInt8 {
    let matrix: ck_int8_matrix
    let bytes: UnsafeMutablePointer<UInt8>
    let weights: [Float]

    init(_ name: String, _ values: [Float], outputs: Int, inputs: Int, lanes: Int) {
        var m = ck_int8_matrix(data: nil, outputs: outputs, inputs: inputs, lanes: lanes, factors: nil)
        let count = ck_int8_bytes(&m)
        bytes = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 64).bindMemory(to: UInt8.self, capacity: count)
        bytes.initialize(repeating: 77, count: count)
        kernels(name).low_rank_int8.pack(&m, CK_SOURCE_F32, values, bytes)
        m.data = UnsafePointer(bytes)
        let groups = 16 / lanes, vectors = ck_int8_vectors(&m), blocks = ck_int8_blocks(&m)
        let scales = UnsafeRawPointer(bytes + ck_int8_scales_offset(&m)).assumingMemoryBound(to: UInt16.self)
        let data = bytes
        weights = (0..<outputs * inputs).map { index in
            let (panel, lane) = ((index / inputs) / lanes, (index / inputs) % lanes)
            let (group, t) = ((index % inputs) / 4, (index % inputs) % 4)
            let byte = data[(panel * vectors + group / groups) * 64 + 4 * (lane * groups + group % groups) + t]
            let scale = scales[(panel * blocks + (index % inputs) / 32) * lanes + lane]
            return Float(Int(byte) - 128) * Float(bitPattern: UInt32(scale) << 16)
        }
        matrix = m
    }

    var image: [UInt8] {
        withUnsafePointer(to: matrix) { Array(UnsafeBufferPointer(start: bytes, count: ck_int8_bytes($0))) }
    }
}

/// Factors that a matrix points to.
private final class FactorMemory {
    let pointer: UnsafePointer<Float>

    init(_ values: [Float]) {
        let memory = UnsafeMutablePointer<Float>.allocate(capacity: values.count)
        memory.initialize(from: values, count: values.count)
        pointer = UnsafePointer(memory)
    }

    deinit { pointer.deallocate() }
}

@Suite struct LowRankInt8Tests {
    private static func lanes(_ rank: Int) -> Int { rank <= 4 ? 4 : rank <= 8 ? 8 : 16 }

    @Test(arguments: [1, 3, 4, 5, 8, 9, 16, 17, 24, 32, 33, 64, 70])
    func packedWeightsAreTheNearest(rank: Int) {
        for inputs in [1, 4, 15, 31, 32, 33, 50, 576] {
            var numbers = Numbers(rank * inputs)
            var values = numbers.floats(rank * inputs, scale: 1e-4)
            values[0] = 0
            if inputs > 40 { for i in 0..<32 { values[i] = 0 } }
            let packed = implementations.map { PackedInt8($0, values, outputs: rank, inputs: inputs, lanes: Self.lanes(rank)) }
            defer { packed.forEach { $0.bytes.deallocate() } }
            for other in packed.dropFirst() { #expect(other.image == packed[0].image) }
            for output in 0..<rank {
                for block in stride(from: 0, to: inputs, by: 32) {
                    let range = output * inputs + block..<output * inputs + min(block + 32, inputs)
                    let step = (values[range].map(abs).max() ?? 0) / 127
                    for index in range { #expect(abs(packed[0].weights[index] - values[index]) <= 0.505 * step) }
                }
            }
        }
    }

    /// Odd ranks have factors for their ranks and outputs.
    @Test(arguments: [1, 3, 4, 5, 8, 9, 16, 17, 24, 32, 33, 64, 70])
    func productsEqualTheFormulaAloneAndInBatches(rank: Int) {
        for (inputs, outputs) in [(576, 192), (50, 70), (1, 1), (16, 15), (33, 100)] {
            var numbers = Numbers(rank + inputs)
            let (a, b) = (numbers.floats(rank * inputs), numbers.floats(rank * outputs))
            let x = numbers.floats(9 * inputs), start = numbers.floats(9 * outputs)
            let factors = rank % 2 == 1 ? (rank: numbers.floats(rank), outputs: numbers.floats(outputs)) : nil
            let (blocks, ranks) = ((inputs + 31) / 32, (rank + 31) / 32)
            var first: [Float] = []
            var hidden: [ck_row_block] = [], rows9: [ck_row_block] = [], weights: (a: [Float], b: [Float]) = ([], [])
            for name in implementations {
                let k = kernels(name)
                let packedA = PackedInt8(name, a, outputs: rank, inputs: inputs, lanes: Self.lanes(rank))
                let packedB = PackedInt8(name, b, outputs: outputs, inputs: rank, lanes: 16)
                defer { [packedA, packedB].forEach { $0.bytes.deallocate() } }
                var quantized = [ck_row_block](repeating: ck_row_block(), count: 9 * blocks)
                quantized.withUnsafeMutableBufferPointer { target in
                    for row in 0..<9 {
                        Array(x[row * inputs..<(row + 1) * inputs]).withUnsafeBufferPointer {
                            k.packed.quantize($0.baseAddress, inputs, blocks, target.baseAddress! + row * blocks)
                        }
                    }
                }
                var h = [ck_row_block](repeating: ck_row_block(), count: 9 * ranks)
                func run(_ rows: Range<Int>, next: UnsafePointer<UInt8>?) -> [Float] {
                    var y = Array(start[rows.lowerBound * outputs..<rows.upperBound * outputs])
                    var (ma, mb) = (packedA.matrix, packedB.matrix)
                    let held = factors.map { (FactorMemory($0.rank), FactorMemory($0.outputs)) }
                    defer { withExtendedLifetime(held) {} }
                    (ma.factors, mb.factors) = (held?.0.pointer, held?.1.pointer)
                    quantized.withUnsafeBufferPointer { source in
                        h.withUnsafeMutableBufferPointer { target in
                            let h = target.baseAddress! + rows.lowerBound * ranks
                            k.low_rank_int8.shrink(
                                source.baseAddress! + rows.lowerBound * blocks, blocks, nil, rows.count, &ma, next, 0.5, h, ranks, nil)
                            // In two slices, as two threads would.
                            let cut = outputs / 32 * 16
                            k.low_rank_int8.expand(h, ranks, nil, rows.count, &mb, next, 0, cut, &y, outputs, nil)
                            k.low_rank_int8.expand(h, ranks, nil, rows.count, &mb, nil, cut, outputs, &y, outputs, nil)
                        }
                    }
                    return y
                }
                let whole = run(0..<9, next: nil)
                if first.isEmpty { (first, hidden, rows9, weights) = (whole, h, quantized, (packedA.weights, packedB.weights)) }
                #expect(bits(whole) == bits(first), "\(name)")
                for rows in [1, 2, 3, 5, 8] {
                    let joined = stride(from: 0, to: 9, by: rows).flatMap { run($0..<min($0 + rows, 9), next: packedB.matrix.data) }
                    #expect(bits(joined) == bits(whole), "\(name), \(rows) rows")
                }
                for order: [Int32] in [[8, 0, 3, 4, 7, 1], [5], [2, 6, 0, 8, 1]] {
                    let places = order.map { 8 - $0 }
                    var (y, between) = (start, h)
                    var (ma, mb) = (packedA.matrix, packedB.matrix)
                    let held = factors.map { (FactorMemory($0.rank), FactorMemory($0.outputs)) }
                    defer { withExtendedLifetime(held) {} }
                    (ma.factors, mb.factors) = (held?.0.pointer, held?.1.pointer)
                    k.low_rank_int8.shrink(quantized, blocks, order, order.count, &ma, nil, 0.5, &between, ranks, places)
                    // Of each row of the list, what its own start and its own product give.
                    for (row, place) in zip(order, places) {
                        for o in 0..<outputs { y[Int(place) * outputs + o] = start[Int(row) * outputs + o] }
                    }
                    k.low_rank_int8.expand(between, ranks, places, order.count, &mb, nil, 0, outputs, &y, outputs, places)
                    for place in 0..<9 {
                        let source = order.first { 8 - $0 == place }.map { whole[Int($0) * outputs..<(Int($0) + 1) * outputs] }
                        let expected = source ?? start[place * outputs..<(place + 1) * outputs]
                        #expect(bits(Array(y[place * outputs..<(place + 1) * outputs])) == bits(Array(expected)), "\(name), rows \(order)")
                    }
                }
            }
            /// Element `k` of a row of blocks.
            func value(_ rows: [ck_row_block], _ row: Int, _ k: Int, _ stride: Int) -> Double {
                withUnsafeBytes(of: rows[row * stride + k / 32].q) { Double(Int8(bitPattern: $0[k % 32])) }
                    * Double(rows[row * stride + k / 32].scale)
            }
            for row in 0..<9 {
                var largest = 0.0
                let h = (0..<rank).map { r -> Double in
                    var sum = 0.0
                    for k in 0..<inputs { sum += Double(weights.a[r * inputs + k]) * value(rows9, row, k, blocks) }
                    sum *= 0.5 * Double(factors?.rank[r] ?? 1)
                    largest = max(largest, abs(sum))
                    return sum
                }
                for r in 0..<rank { #expect(abs(value(hidden, row, r, ranks) - h[r]) <= 0.51 * largest / 127 + 1e-6) }
                for output in stride(from: 0, to: outputs, by: 7) {
                    var expected = Double(start[row * outputs + output])
                    for r in 0..<rank { expected += value(hidden, row, r, ranks) * Double(weights.b[output * rank + r] * (factors?.outputs[output] ?? 1)) }
                    #expect(abs(Double(first[row * outputs + output]) - expected) < 2e-4)
                }
            }
        }
    }
}
