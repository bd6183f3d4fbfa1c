import CKernels
import Glibc
import Testing

/// One layer's keys and values of one sequence, in blocks that lie in another order than the table's.
struct Sequence {
    let kvHeads: Int
    let dimension: Int
    let positions: Int
    let element: ck_kv_element
    let keys: [Float]
    let values: [Float]
    let table: [Int32]
    let blockBytes: Int
    let bytes: [UInt8]

    /// As in `keys` and `values`, but with the rounding of the element.
    let storedKeys: [Float]
    let storedValues: [Float]

    init(kvHeads: Int, dimension: Int, positions: Int, element: ck_kv_element, seed: Int, by name: String = "scalar") {
        var numbers = Numbers(seed)
        let width = kvHeads * dimension
        let keys = numbers.floats(positions * width, scale: 2), values = numbers.floats(positions * width)
        let count = (positions + 15) / 16
        let blockBytes = ck_kv_block_bytes(element, kvHeads, dimension) + 64
        let table = (0..<count).map { Int32((count - 1 - $0) * 2 + 1) }
        // What is never stored is NaN, of int8 elements the scale: a read that counts shows.
        var bytes = [UInt8](repeating: 0xff, count: blockBytes * (2 * count + 1))
        for p in 0..<positions {
            let k = Array(keys[p * width..<(p + 1) * width]), v = Array(values[p * width..<(p + 1) * width])
            bytes.withUnsafeMutableBytes {
                store(
                    k, v, kvHeads: kvHeads, dimension: dimension, slot: p % 16, $0.baseAddress! + Int(table[p / 16]) * blockBytes, element,
                    by: name)
            }
        }
        (self.kvHeads, self.dimension, self.positions, self.element) = (kvHeads, dimension, positions, element)
        (self.keys, self.values, self.table, self.blockBytes, self.bytes) = (keys, values, table, blockBytes, bytes)
        storedKeys = Self.rounded(keys, element, dimension)
        storedValues = Self.rounded(values, element, dimension)
    }

    /// `dimension` elements of a head share an int8 scale.
    private static func rounded(_ x: [Float], _ element: ck_kv_element, _ dimension: Int) -> [Float] {
        switch element {
        case CK_KV_F32: return x
        case CK_KV_F16: return x.map { Float(Float16($0)) }
        case CK_KV_BF16: return x.map(bfloat)
        default:
            return stride(from: 0, to: x.count, by: dimension).flatMap { start -> [Float] in
                let head = x[start..<start + dimension], scale = (head.map(abs).max() ?? 0) / 127, inverse = 1 / scale
                return head.map { ($0 * inverse).rounded(.toNearestOrEven) * scale }
            }
        }
    }

    /// `[rows, heads * dimension]`; heads outside of the range stay NaN.
    func attend(
        _ queries: [Float], rows: Range<Int>, heads: Int, headRange: Range<Int>? = nil, window: Int = 0, sinks: [Float]? = nil, softCap: Float = 0,
        by name: String
    ) -> [Float] {
        let width = heads * dimension
        let part = Array(queries[rows.lowerBound * width..<rows.upperBound * width])
        return bytes.withUnsafeBytes {
            causal(
                part, blocks: $0.baseAddress!, blockBytes: blockBytes, table: table, element: element, position: rows.lowerBound,
                rows: rows.count, heads: heads, kvHeads: kvHeads, dimension: dimension, headRange: headRange ?? 0..<heads,
                scale: Self.scale, sinks: sinks, softCap: softCap, window: window, by: name)
        }
    }

    static let scale: Float = 0.3

    /// The formula in doubles; for bf16 of rounded queries, with rounded exponentials.
    func reference(_ queries: [Float], row: Int, head: Int, heads: Int, window: Int, sink: Double? = nil, softCap: Double = 0) -> [Double] {
        let kvHead = head / (heads / kvHeads), width = kvHeads * dimension, isBfloat = element == CK_KV_BF16
        let begin = window > 0 ? max(0, row - window + 1) : 0
        let scores = (begin...row).map { p -> Double in
            var sum = 0.0
            for d in 0..<dimension {
                let query = queries[(row * heads + head) * dimension + d]
                sum += Double(isBfloat ? bfloat(query) : query) * Double(storedKeys[p * width + kvHead * dimension + d])
            }
            let score = sum * Double(Self.scale)
            return softCap > 0 ? softCap * tanh(score / softCap) : score
        }
        return Self.average(scores, sink: sink, roundsWeights: isBfloat) { p, d in Double(storedValues[(begin + p) * width + kvHead * dimension + d]) }(dimension)
    }

    static func average(
        _ scores: [Double], sink: Double? = nil, roundsWeights: Bool = false, _ value: @escaping (Int, Int) -> Double
    ) -> (Int) -> [Double] {
        let top = max(scores.max() ?? 0, sink ?? -.infinity)
        let exact = scores.map { exponential($0 - top) }
        let weights = roundsWeights ? exact.map { Double(bfloat(Float($0))) } : exact
        let total = weights.reduce(sink.map { exponential($0 - top) } ?? 0, +)
        return { dimension in
            (0..<dimension).map { d in
                var sum = 0.0
                for (p, weight) in weights.enumerated() { sum += weight * value(p, d) }
                return sum / total
            }
        }
    }
}

/// Keys and values of a position, in two parts of the heads where there are several.
func store(
    _ keys: [Float], _ values: [Float], kvHeads: Int, dimension: Int, slot: Int, _ block: UnsafeMutableRawPointer,
    _ element: ck_kv_element, by name: String
) {
    for heads in [0..<kvHeads / 2, kvHeads / 2..<kvHeads] {
        kernels(name).attention.store_keys(keys, kvHeads, dimension, heads.lowerBound, heads.upperBound, slot, block, element)
        kernels(name).attention.store_values(values, kvHeads, dimension, heads.lowerBound, heads.upperBound, slot, block, element)
    }
}

/// Rounded to bf16, to nearest even; zero below 2^-55. Of finite numbers.
func bfloat(_ x: Float) -> Float {
    guard x.magnitude >= 0x1p-55 else { return 0 }
    return Float(bitPattern: (x.bitPattern + 0x7fff + (x.bitPattern >> 16 & 1)) & 0xffff_0000)
}

/// How near outputs are to the formula, values being in -1..<1.
struct Nearness {
    let element: ck_kv_element
    private var (count, near, worst) = (0, 0, 0.0)

    init(_ element: ck_kv_element) { self.element = element }

    mutating func add(_ output: Float, _ expected: Double) {
        let difference = abs(Double(output) - expected)
        count += 1
        near += difference < 5e-6 ? 1 : 0
        worst = difference > worst || difference.isNaN ? difference : worst
    }

    /// An exponential that lies near the middle between two bf16 may round to either: then a weight differs by 2^-8 of itself.
    var isEnough: Bool { element == CK_KV_BF16 ? worst < 0x1p-8 && 10 * near > 7 * count : near == count }
}

/// `[rows, heads * dimension]`; heads outside of the range stay NaN.
func causal(
    _ queries: [Float], blocks: UnsafeRawPointer, blockBytes: Int, table: [Int32], element: ck_kv_element, position: Int, rows: Int,
    heads: Int, kvHeads: Int, dimension: Int, headRange: Range<Int>, scale: Float, sinks: [Float]? = nil, softCap: Float = 0, window: Int,
    by name: String
) -> [Float] {
    let width = heads * dimension
    var output = [Float](repeating: .nan, count: rows * width)
    var scratch = [Float](repeating: .nan, count: ck_attention_scratch(position + rows, dimension))
    queries.withUnsafeBufferPointer { q in
        table.withUnsafeBufferPointer { t in
            scratch.withUnsafeMutableBufferPointer { s in
                output.withUnsafeMutableBufferPointer { o in
                    let sinks = sinks.map { all in UnsafeMutablePointer<Float>.allocate(capacity: all.count).filled(all) }
                    defer { sinks?.deallocate() }
                    var arguments = ck_attention(
                        queries: q.baseAddress, query_stride: width, rows: rows, position: position, heads: heads, kv_heads: kvHeads,
                        head_dimension: dimension, head_begin: headRange.lowerBound, head_end: headRange.upperBound, scale: scale,
                        sinks: sinks, soft_cap: softCap, window: window, element: element, blocks: blocks, block_bytes: blockBytes, table: t.baseAddress, next_table: t.baseAddress,
                        next_positions: position + rows,
                        scratch: s.baseAddress, output: o.baseAddress, output_stride: width)
                    kernels(name).attention.causal(&arguments)
                }
            }
        }
    }
    return output
}

private let elements = [CK_KV_F16, CK_KV_F32, CK_KV_INT8, CK_KV_BF16]

/// (heads, KV heads, head dimension, positions)
private let shapes = [(9, 3, 64, 70), (4, 1, 32, 33), (2, 2, 80, 17), (3, 1, 20, 40), (1, 1, 1, 5), (8, 2, 256, 20)]

@Suite struct AttentionTests {
    @Test(arguments: implementations, elements) func equalsTheFormula(name: String, element: ck_kv_element) {
        for (heads, kvHeads, dimension, positions) in shapes {
            for window in [0, 1, 7, 16, 30] {
                let sequence = Sequence(
                    kvHeads: kvHeads, dimension: dimension, positions: positions, element: element, seed: dimension, by: name)
                var numbers = Numbers(window)
                let queries = numbers.floats(positions * heads * dimension, scale: 2)
                let output = sequence.attend(queries, rows: 0..<positions, heads: heads, window: window, by: name)
                var nearness = Nearness(element)
                for row in stride(from: 0, to: positions, by: 3) {
                    for head in 0..<heads {
                        let expected = sequence.reference(queries, row: row, head: head, heads: heads, window: window)
                        for d in 0..<dimension { nearness.add(output[(row * heads + head) * dimension + d], expected[d]) }
                    }
                }
                #expect(nearness.isEnough, "\(heads)/\(kvHeads) x \(dimension), window \(window): \(nearness)")
            }
        }
    }

    @Test(arguments: implementations, elements) func sinksJoinTheSum(name: String, element: ck_kv_element) {
        let (heads, kvHeads, dimension, positions) = (4, 2, 20, 37)
        let sequence = Sequence(kvHeads: kvHeads, dimension: dimension, positions: positions, element: element, seed: 9, by: name)
        var numbers = Numbers(7)
        let queries = numbers.floats(positions * heads * dimension, scale: 2)
        // One above all scores, one far below them.
        let sinks: [Float] = [1.5, 40, -60, -0.25]
        for window in [0, 9] {
            let output = sequence.attend(queries, rows: 0..<positions, heads: heads, window: window, sinks: sinks, by: name)
            var nearness = Nearness(element)
            for row in 0..<positions {
                for head in 0..<heads {
                    let expected = sequence.reference(queries, row: row, head: head, heads: heads, window: window, sink: Double(sinks[head]))
                    for d in 0..<dimension { nearness.add(output[(row * heads + head) * dimension + d], expected[d]) }
                }
            }
            #expect(nearness.isEnough, "window \(window): \(nearness)")
            #expect(bits(output) == bits(sequence.attend(queries, rows: 0..<positions, heads: heads, window: window, sinks: sinks, by: "scalar")))
            let last = sequence.attend(queries, rows: positions - 1..<positions, heads: heads, window: window, sinks: sinks, by: name)
            #expect(bits(last) == bits(Array(output.suffix(last.count))), "a row alone")
        }
    }

    @Test(arguments: implementations, elements) func softCapsFollowTheFormula(name: String, element: ck_kv_element) {
        let (heads, kvHeads, dimension, positions) = (4, 2, 20, 37)
        let sequence = Sequence(kvHeads: kvHeads, dimension: dimension, positions: positions, element: element, seed: 8, by: name)
        var numbers = Numbers(6)
        let queries = numbers.floats(positions * heads * dimension, scale: 4)
        for (window, cap) in [(0, 1.5), (9, 0.7)] {
            let output = sequence.attend(queries, rows: 0..<positions, heads: heads, window: window, softCap: Float(cap), by: name)
            var nearness = Nearness(element)
            for row in 0..<positions {
                for head in 0..<heads {
                    let expected = sequence.reference(queries, row: row, head: head, heads: heads, window: window, softCap: Double(Float(cap)))
                    for d in 0..<dimension { nearness.add(output[(row * heads + head) * dimension + d], expected[d]) }
                }
            }
            #expect(nearness.isEnough, "window \(window), cap \(cap): \(nearness)")
        }
    }

    @Test(arguments: implementations) func softCapsOfAnyLength(name: String) {
        for count in [0, 1, 15, 16, 17, 40] {
            var numbers = Numbers(count)
            let x = numbers.floats(count, scale: 200)
            var y = x + [7]
            kernels(name).attention.soft_cap(&y, 30, count)
            for (given, found) in zip(x, y) { #expect(abs(Double(found) - 30 * tanh(Double(given) / 30)) < 1e-5) }
            #expect(y[count] == 7)
        }
    }

    @Test(arguments: implementations, elements)
    func anyCutOfAPromptGivesTheSameBits(name: String, element: ck_kv_element) {
        for (heads, kvHeads, dimension, positions) in shapes {
            for window in [0, 9] {
                let sequence = Sequence(kvHeads: kvHeads, dimension: dimension, positions: positions, element: element, seed: 3)
                var numbers = Numbers(4)
                let width = heads * dimension
                let queries = numbers.floats(positions * width, scale: 2)
                let whole = sequence.attend(queries, rows: 0..<positions, heads: heads, window: window, by: name)
                for chunk in [1, 2, 3, 5, 7, 16, 31] {
                    var joined: [Float] = []
                    for begin in stride(from: 0, to: positions, by: chunk) {
                        let rows = begin..<min(begin + chunk, positions)
                        joined += sequence.attend(queries, rows: rows, heads: heads, window: window, by: name)
                    }
                    #expect(bits(joined) == bits(whole), "chunks of \(chunk), \(heads)/\(kvHeads) x \(dimension)")
                }
                #expect(bits(whole) == bits(sequence.attend(queries, rows: 0..<positions, heads: heads, window: window, by: "scalar")))
            }
        }
    }

    @Test(arguments: implementations, elements) func anyNumberOfRowsGivesEachTheBitsItHasAlone(name: String, element: ck_kv_element) {
        let (heads, positions, dimension) = (3, 83, 24)
        let sequence = Sequence(kvHeads: 1, dimension: dimension, positions: positions, element: element, seed: 11)
        var numbers = Numbers(12)
        let queries = numbers.floats(positions * heads * dimension)
        for window in [0, 20] {
            let alone = (50..<positions).map { sequence.attend(queries, rows: $0..<$0 + 1, heads: heads, window: window, by: "scalar") }
            for rows in 1...33 {
                let together = sequence.attend(queries, rows: 50..<50 + rows, heads: heads, window: window, by: name)
                #expect(bits(together) == bits(Array(alone[..<rows].joined())), "\(rows) rows, window \(window)")
            }
        }
    }

    @Test(arguments: implementations) func windowsThatLeaveWholeBlocksOutReadNothingOfThem(name: String) {
        // Heads of 256, as Gemma has them; 150 positions, of which a row sees 33: the first blocks may be anywhere.
        let (heads, dimension, positions, window) = (2, 256, 150, 33)
        for element in elements {
            let sequence = Sequence(kvHeads: 1, dimension: dimension, positions: positions, element: element, seed: 8)
            var numbers = Numbers(9)
            let queries = numbers.floats(positions * heads * dimension)
            let rows = 100..<positions
            let whole = sequence.attend(queries, rows: rows, heads: heads, window: window, by: name)
            let first = (rows.lowerBound + 1 - window) / 16
            let part = Array(queries[rows.lowerBound * heads * dimension..<rows.upperBound * heads * dimension])
            let other = sequence.bytes.withUnsafeBytes {
                // A block far outside of memory: a read of it would end the test.
                causal(
                    part, blocks: $0.baseAddress!, blockBytes: sequence.blockBytes,
                    table: sequence.table.enumerated().map { $0.offset < first ? 1 << 24 : $0.element }, element: element,
                    position: rows.lowerBound, rows: rows.count, heads: heads, kvHeads: 1, dimension: dimension, headRange: 0..<heads,
                    scale: Sequence.scale, window: window, by: name)
            }
            #expect(bits(other) == bits(whole))
            var nearness = Nearness(element)
            for row in stride(from: rows.lowerBound, to: positions, by: 7) {
                let expected = sequence.reference(queries, row: row, head: 1, heads: heads, window: window)
                for d in 0..<dimension { nearness.add(whole[((row - rows.lowerBound) * heads + 1) * dimension + d], expected[d]) }
            }
            #expect(nearness.isEnough, "\(nearness)")
        }
    }

    @Test func everyImplementationStoresTheSameBytes() {
        for (kvHeads, dimension) in [(3, 64), (2, 80), (1, 20), (5, 1), (1, 256)] {
            for element in elements {
                let stored = implementations.map {
                    Sequence(kvHeads: kvHeads, dimension: dimension, positions: 19, element: element, seed: dimension, by: $0).bytes
                }
                #expect(stored.allSatisfy { $0 == stored[0] }, "\(kvHeads) x \(dimension)")
            }
        }
    }

    @Test(arguments: implementations) func int8HeadsOfZerosAreZeroAndNotFiniteOnesNaN(name: String) {
        let dimension = 20
        for (bad, isNaN) in [(Float(0), false), (.infinity, true), (.nan, true)] {
            var block = [UInt8](repeating: 0, count: ck_kv_block_bytes(CK_KV_INT8, 2, dimension))
            // Two KV heads; the second one's values are plain.
            var values = [Float](repeating: 0, count: 2 * dimension)
            values[3] = bad
            for d in dimension..<2 * dimension { values[d] = 0.5 }
            block.withUnsafeMutableBytes {
                store(
                    [Float](repeating: 1, count: 2 * dimension), values, kvHeads: 2, dimension: dimension, slot: 0, $0.baseAddress!,
                    CK_KV_INT8, by: name)
            }
            let output = block.withUnsafeBytes {
                causal(
                    [Float](repeating: 1, count: 2 * dimension), blocks: $0.baseAddress!, blockBytes: block.count, table: [0],
                    element: CK_KV_INT8, position: 0, rows: 1, heads: 2, kvHeads: 2, dimension: dimension, headRange: 0..<2, scale: 1,
                    window: 0, by: name)
            }
            #expect(output[..<dimension].allSatisfy { isNaN ? $0.isNaN : $0 == 0 })
            #expect(output[dimension...].allSatisfy { abs($0 - 0.5) < 1e-6 })
        }
    }

    @Test(arguments: implementations) func aSliceOfHeadsIsThatPartOfAll(name: String) {
        let (heads, positions, dimension) = (9, 37, 64)
        let sequence = Sequence(kvHeads: 3, dimension: dimension, positions: positions, element: CK_KV_F16, seed: 5)
        var numbers = Numbers(6)
        let queries = numbers.floats(positions * heads * dimension)
        let whole = sequence.attend(queries, rows: 0..<positions, heads: heads, by: name)
        for range in [0..<5, 5..<9, 4..<5, 2..<8] {
            let part = sequence.attend(queries, rows: 0..<positions, heads: heads, headRange: range, by: name)
            for i in 0..<whole.count {
                if range.contains(i / dimension % heads) {
                    #expect(part[i].bitPattern == whole[i].bitPattern)
                } else {
                    #expect(part[i].isNaN)
                }
            }
        }
    }

    /// Subnormal numbers and products of tiny ones, which VDPBF16PS and fma take differently, do not arise.
    @Test func tinyBfloatsGiveTheSameBitsEverywhere() {
        let (dimension, positions) = (21, 37)
        var numbers = Numbers(21)
        func tiny(_ count: Int) -> [Float] {
            numbers.floats(count).map { $0 * Float(sign: .plus, exponent: -Int(numbers.byte()) / 2, significand: 1) }
        }
        for (keyScale, valueScale) in [(Float(1), Float(1)), (0x1p-20, 0x1p-40), (0x1p-60, 0x1p-100)] {
            var block = [UInt8](repeating: 0, count: 3 * ck_kv_block_bytes(CK_KV_BF16, 1, dimension))
            let blockBytes = block.count / 3
            let stored = (0..<positions).map { _ in (tiny(dimension).map { $0 * keyScale }, tiny(dimension).map { $0 * valueScale }) }
            let queries = tiny(positions * dimension)
            let outputs = implementations.map { name in
                for (p, (k, v)) in stored.enumerated() {
                    block.withUnsafeMutableBytes {
                        store(
                            k, v, kvHeads: 1, dimension: dimension, slot: p % 16, $0.baseAddress! + p / 16 * blockBytes, CK_KV_BF16,
                            by: name)
                    }
                }
                return block.withUnsafeBytes {
                    causal(
                        queries, blocks: $0.baseAddress!, blockBytes: blockBytes, table: [0, 1, 2], element: CK_KV_BF16, position: 0,
                        rows: positions, heads: 1, kvHeads: 1, dimension: dimension, headRange: 0..<1, scale: 100, window: 0, by: name)
                }
            }
            for (name, output) in zip(implementations, outputs) {
                let differing = zip(bits(output), bits(outputs[0])).filter { $0 != $1 }.count
                #expect(differing == 0, "\(name)")
                #expect(output.filter { !$0.isFinite } == [])
            }
        }
    }

    @Test(arguments: implementations) func whatABfloatRowDoesNotSeeMayBeAnything(name: String) {
        // Every neighbour in a pair, on both sides of a window, is NaN.
        let (dimension, positions, window) = (40, 40, 5)
        for row in 4..<positions {
            var numbers = Numbers(row)
            var block = [UInt8](repeating: 0xff, count: 3 * ck_kv_block_bytes(CK_KV_BF16, 1, dimension))
            let blockBytes = block.count / 3
            for p in row + 1 - window...row {
                let (k, v) = (numbers.floats(dimension), numbers.floats(dimension))
                block.withUnsafeMutableBytes {
                    store(
                        k, v, kvHeads: 1, dimension: dimension, slot: p % 16, $0.baseAddress! + p / 16 * blockBytes, CK_KV_BF16, by: name)
                }
            }
            let output = block.withUnsafeBytes {
                causal(
                    numbers.floats(dimension), blocks: $0.baseAddress!, blockBytes: blockBytes, table: [0, 1, 2], element: CK_KV_BF16,
                    position: row, rows: 1, heads: 1, kvHeads: 1, dimension: dimension, headRange: 0..<1, scale: 1, window: window, by: name)
            }
            #expect(output.filter { !$0.isFinite } == [], "row \(row)")
        }
    }

    @Test(arguments: implementations) func anInfiniteValueReachesOnlyTheRowsThatSeeIt(name: String) {
        // Position 9 of a plain computation, where 0 * infinity would be NaN in the rows before it.
        let (dimension, positions) = (32, 20)
        var block = [Float](repeating: 0.5, count: 2 * 2 * dimension * 16)
        block[dimension * 16 + 9 * dimension] = .infinity
        let output = block.withUnsafeBytes {
            causal(
                [Float](repeating: 0.1, count: positions * dimension), blocks: $0.baseAddress!, blockBytes: 4 * 2 * dimension * 16,
                table: [0, 1], element: CK_KV_F32, position: 0, rows: positions, heads: 1, kvHeads: 1, dimension: dimension,
                headRange: 0..<1, scale: 1, window: 0, by: name)
        }
        for row in 0..<positions { #expect(output[row * dimension].isFinite == (row < 9), "row \(row)") }
    }

    @Test(arguments: implementations) func bidirectionalEqualsTheFormula(name: String) {
        for (heads, dimension, tokens) in [(12, 32, 40), (2, 64, 16), (1, 48, 1), (3, 20, 7)] {
            var numbers = Numbers(tokens)
            let width = heads * dimension, stride = width + 3
            let q = numbers.floats(tokens * stride), k = numbers.floats(tokens * stride), v = numbers.floats(tokens * stride)
            func attend(_ range: Range<Int>, by name: String) -> [Float] {
                var scratch = [Float](repeating: .nan, count: ck_bidirectional_attention_scratch(tokens, dimension))
                var output = [Float](repeating: .nan, count: tokens * width)
                q.withUnsafeBufferPointer { q in
                    k.withUnsafeBufferPointer { k in
                        v.withUnsafeBufferPointer { v in
                            scratch.withUnsafeMutableBufferPointer { s in
                                output.withUnsafeMutableBufferPointer { o in
                                    var arguments = ck_bidirectional_attention(
                                        queries: q.baseAddress, keys: k.baseAddress, values: v.baseAddress, stride: stride,
                                        tokens: tokens, head_dimension: dimension, head_begin: range.lowerBound,
                                        head_end: range.upperBound, scale: 0.25, scratch: s.baseAddress, output: o.baseAddress,
                                        output_stride: width)
                                    kernels(name).attention.bidirectional(&arguments)
                                }
                            }
                        }
                    }
                }
                return output
            }
            let output = attend(0..<heads, by: name)
            #expect(bits(output) == bits(attend(0..<heads, by: "scalar")))
            if heads > 1 { #expect(bits(Array(attend(1..<heads, by: name)[dimension..<width])) == bits(Array(output[dimension..<width]))) }
            for token in 0..<tokens {
                for head in 0..<heads {
                    let scores = (0..<tokens).map { p -> Double in
                        var sum = 0.0
                        for d in 0..<dimension { sum += Double(q[token * stride + head * dimension + d]) * Double(k[p * stride + head * dimension + d]) }
                        return sum * 0.25
                    }
                    let expected = Sequence.average(scores) { p, d in Double(v[p * stride + head * dimension + d]) }(dimension)
                    for d in 0..<dimension {
                        #expect(abs(Double(output[token * width + head * dimension + d]) - expected[d]) < 5e-6)
                    }
                }
            }
        }
    }
}

extension UnsafeMutablePointer<Float> {
    fileprivate func filled(_ values: [Float]) -> UnsafeMutablePointer<Float> {
        for (index, value) in values.enumerated() { (self + index).initialize(to: value) }
        return self
    }
}
