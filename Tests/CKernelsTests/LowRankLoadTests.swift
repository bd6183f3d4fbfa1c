import CKernels
import Testing

/// A file's matrix and what its elements are as f32, one by one: the naive twin of the kernels.
private struct Stored {
    let type: ck_source_type
    let rows: Int
    let columns: Int
    /// One byte before them, so that no element is aligned.
    var bytes: [UInt8]
    var values: [Float]

    static let types = ["f32": CK_SOURCE_F32, "f16": CK_SOURCE_F16, "bf16": CK_SOURCE_BF16]

    init(_ name: String, rows: Int, columns: Int, _ given: [Float]) {
        (self.rows, self.columns) = (rows, columns)
        type = Self.types[name] ?? CK_SOURCE_F32
        switch name {
        case "f16":
            let halves = given.map { Float16($0) }
            bytes = [0] + halves.map(\.bitPattern).withUnsafeBytes(Array.init)
            values = halves.map { Float($0) }
        case "bf16":
            let halves = given.map { UInt16($0.bitPattern >> 16) }
            bytes = [0] + halves.withUnsafeBytes(Array.init)
            values = halves.map { Float(bitPattern: UInt32($0) << 16) }
        default:
            bytes = [0] + given.withUnsafeBytes(Array.init)
            values = given
        }
    }

    func withElements<Result>(_ body: (UnsafeRawPointer) -> Result) -> Result {
        bytes.withUnsafeBytes { body($0.baseAddress! + 1) }
    }

    func firstBeyond(_ limit: UInt32) -> Int { withElements { ck_first_beyond(type, $0, values.count, limit) } }

    func flags(columns byColumn: Bool) -> [Bool] {
        var flags = [UInt8](repeating: 7, count: (byColumn ? columns : rows) + 1)
        withElements {
            if byColumn { ck_nonzero_columns(type, $0, rows, columns, &flags) } else { ck_nonzero_rows(type, $0, rows, columns, &flags) }
        }
        #expect(flags.last == 7, "nothing is written behind the flags")
        return flags.dropLast().map { $0 != 0 }
    }

    /// Bits of f32, or of bf16 in the lower half.
    func copied(_ element: ck_low_rank_element, transposed: Bool) -> [UInt32] {
        func run<Element: FixedWidthInteger>(_ filler: Element) -> [UInt32] {
            var out = [Element](repeating: filler, count: values.count + 1)
            withElements {
                if transposed { ck_low_rank_transpose(type, $0, rows, columns, element, &out) }
                else { ck_low_rank_copy(type, $0, values.count, element, &out) }
            }
            #expect(out.last == filler, "nothing is written behind the matrix")
            return out.dropLast().map { UInt32($0) }
        }
        return element == CK_LOW_RANK_F32 ? run(UInt32(0x1234_5678)) : run(UInt16(0x1234))
    }
}

private func rounded(_ value: Float, _ element: ck_low_rank_element) -> UInt32 {
    if element == CK_LOW_RANK_F32 { return value.bitPattern }
    if value.isNaN { return value.bitPattern >> 16 | 0x40 }
    return (value.bitPattern + 0x7FFF + (value.bitPattern >> 16 & 1)) >> 16
}

private func transposed(_ values: [UInt32], rows: Int, columns: Int) -> [UInt32] {
    (0..<columns).flatMap { column in (0..<rows).map { values[$0 * columns + column] } }
}

@Suite struct LowRankLoadTests {
    private static let infinity: UInt32 = 0x7F80_0000

    @Test(arguments: ["f32", "f16", "bf16"], [CK_LOW_RANK_F32, CK_LOW_RANK_BF16])
    func matricesOfAnySizeAreCopiedAndTransposed(type: String, element: ck_low_rank_element) {
        for (rows, columns) in [(1, 1), (1, 8), (8, 1), (7, 9), (8, 8), (16, 8), (17, 16), (192, 8), (5, 33), (31, 3), (64, 64), (100, 13)] {
            var numbers = Numbers(rows * 100 + columns)
            let matrix = Stored(type, rows: rows, columns: columns, numbers.floats(rows * columns, scale: 3))
            let expected = matrix.values.map { rounded($0, element) }
            #expect(matrix.copied(element, transposed: false) == expected, "\(rows) x \(columns)")
            #expect(
                matrix.copied(element, transposed: true) == transposed(expected, rows: rows, columns: columns), "\(rows) x \(columns)")
        }
    }

    @Test(arguments: ["f32", "f16", "bf16"], [CK_LOW_RANK_F32, CK_LOW_RANK_BF16])
    func specialValuesKeepTheirMeaning(type: String, element: ck_low_rank_element) {
        // Ties both ways, what rounds up to infinity, subnormals of each type, and what is no number.
        let values: [Float] = [
            0, -0.0, .infinity, -.infinity, .nan, Float(bitPattern: 0x7F80_0001), Float(bitPattern: 0xFFFF_FFFF), 65504, 0x1p-24, -0x1p-14,
            Float(bitPattern: 0x3F80_8000), Float(bitPattern: 0x3F81_8000), Float(bitPattern: 0x3F80_8001), .greatestFiniteMagnitude,
            .leastNonzeroMagnitude, -0x1p-126, 1,
        ]
        let matrix = Stored(type, rows: 1, columns: values.count, values)
        let copied = matrix.copied(element, transposed: false)
        #expect(matrix.copied(element, transposed: true) == copied)
        for (found, value) in zip(copied, matrix.values) {
            let result = Float(bitPattern: element == CK_LOW_RANK_F32 ? found : found << 16)
            if value.isNaN { #expect(result.isNaN) } else { #expect(found == rounded(value, element), "\(value)") }
        }
    }

    @Test(arguments: ["f32", "f16", "bf16"], [1, 7, 8, 9, 2047, 2048, 2049, 5000])
    func theFirstElementBeyondALimitIsFound(type: String, count: Int) {
        var numbers = Numbers(count)
        let sound = numbers.floats(count)
        #expect(Stored(type, rows: 1, columns: count, sound).firstBeyond(Self.infinity) == count)
        for place in Set([0, count / 2, count - 1]) {
            for bad in [Float.infinity, -.infinity, .nan] {
                var values = sound
                values[place] = bad
                values[count - 1] = .nan
                #expect(Stored(type, rows: 1, columns: count, values).firstBeyond(Self.infinity) == place)
            }
        }
    }

    @Test(arguments: ["f32", "f16", "bf16"])
    func limitsOfFiniteValuesAreExact(type: String) {
        let matrix = Stored(type, rows: 1, columns: 9, [0, 0x1p-24, -0.25, 0.5, 1, -1.5, 2, 60000, -.infinity])
        for limit in matrix.values.map(\.magnitude.bitPattern).flatMap({ [$0, $0 + 1] }) + [.max, 0x7FFF_FFFF, 0x7F7F_8000] {
            let expected = matrix.values.firstIndex { $0.magnitude.bitPattern >= limit } ?? matrix.values.count
            #expect(matrix.firstBeyond(limit) == expected, "\(limit)")
        }
        #expect(Stored(type, rows: 0, columns: 0, []).firstBeyond(0) == 0)
    }

    @Test(arguments: ["f32", "f16", "bf16"])
    func rowsAndColumnsOfZerosAreFound(type: String) {
        for (rows, columns) in [(1, 1), (3, 1), (1, 3), (8, 576), (192, 8), (13, 33)] {
            for step in [1, 2, 5, 1_000_000] {
                // Zeros of both signs, and few elements that are not.
                let given: [Float] = (0..<rows * columns).map { ($0 + 1) % step == 0 ? 0x1p-14 : ($0 % 2 == 0 ? 0 : -0.0) }
                let matrix = Stored(type, rows: rows, columns: columns, given)
                let isSet = { (row: Int, column: Int) in matrix.values[row * columns + column] != 0 }
                #expect(matrix.flags(columns: false) == (0..<rows).map { row in (0..<columns).contains { isSet(row, $0) } })
                #expect(matrix.flags(columns: true) == (0..<columns).map { column in (0..<rows).contains { isSet($0, column) } })
            }
        }
    }
}
