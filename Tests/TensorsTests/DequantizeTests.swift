import Foundation
import Tensors
import Testing

/// Values are compared as bits: the formats leave no freedom.
@Suite struct DequantizeTests {
    private struct Case: Decodable {
        /// Hexadecimal.
        var blocks: String
        /// f32 bits, little-endian, hexadecimal.
        var values: String
    }

    private static let cases: [String: Case] = {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/dequantize.json")
        return (try? JSONDecoder().decode([String: Case].self, from: Data(contentsOf: path))) ?? [:]
    }()

    @Test(arguments: ["f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_K", "q3_K", "q4_K", "q5_K", "q6_K", "iq4_nl", "iq4_xs", "mxfp4"])
    func randomBlocksGiveTheValuesOfTheReference(type: String) throws {
        let dtype = try #require(DType(rawValue: type))
        let stored = try #require(Self.cases[type])
        let (blocks, expected) = (bytes(stored.blocks), words(bytes(stored.values)))
        #expect(blocks.count / dtype.blockBytes * dtype.blockElements == expected.count)
        let view = try #require(tensor(dtype, [expected.count], blocks))
        #expect(view.floats().map(\.bitPattern) == expected)
    }

    @Test(arguments: ["f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_K", "q3_K", "q4_K", "q5_K", "q6_K", "iq4_nl", "iq4_xs", "mxfp4"])
    func rowsAreReadFromTheirPlace(type: String) throws {
        let dtype = try #require(DType(rawValue: type))
        let stored = try #require(Self.cases[type])
        let (blocks, expected) = (bytes(stored.blocks), words(bytes(stored.values)))
        let columns = dtype.blockElements
        let matrix = try #require(tensor(dtype, [expected.count / columns, columns], blocks))
        var rows = [Float](repeating: 7, count: 2 * columns + 1)
        rows.withUnsafeMutableBufferPointer { matrix.dequantizeRows(1..<3, into: $0.baseAddress!) }
        #expect(rows.dropLast().map(\.bitPattern) == Array(expected[columns..<3 * columns]))
        #expect(rows.last == 7, "nothing is written behind the rows")
    }

    @Test func anUnalignedStartIsRead() throws {
        let stored = try #require(Self.cases["q6_K"])
        // The file has one byte before the tensor.
        let path = URL.temporaryDirectory.appending(path: "unaligned-\(UUID().uuidString)")
        try Data([0] + bytes(stored.blocks)).write(to: path)
        defer { try? FileManager.default.removeItem(at: path) }
        let expected = words(bytes(stored.values))
        let file = try MappedFile(path: path.path)
        let view = try #require(TensorView(name: "t", dtype: .q6_K, shape: [expected.count], file: file, offset: 1))
        #expect(view.floats().map(\.bitPattern) == expected)
    }

    @Test func everyHalfIsWidenedExactly() throws {
        let halves = (0...UInt16.max).map { $0 }
        let view = try #require(halves.withUnsafeBytes { TensorView(name: "t", dtype: .f16, shape: [65536], copying: $0) })
        for (half, float) in zip(halves, view.floats()) {
            // Written out, not converted: `Float16` is not on every platform.
            let (exponent, fraction) = (Int(half >> 10 & 31), Float(half & 1023))
            let magnitude: Float =
                switch exponent {
                case 0: fraction * 0x1p-24
                case 31: fraction == 0 ? .infinity : .nan
                default: (1024 + fraction) * Float(sign: .plus, exponent: exponent - 25, significand: 1)
                }
            if magnitude.isNaN {
                #expect(float.isNaN)
            } else {
                #expect(float.bitPattern == (half >> 15 == 1 ? -magnitude : magnitude).bitPattern, "half \(half)")
            }
        }
    }

    @Test func plainTypesAreCopiedOrRounded() throws {
        let floats: [Float] = [0, -0.0, 1.5, .infinity, .leastNonzeroMagnitude]
        let f32 = try #require(floats.withUnsafeBytes { TensorView(name: "t", dtype: .f32, shape: [5], copying: $0) })
        #expect(f32.floats().map(\.bitPattern) == floats.map(\.bitPattern))
        let doubles: [Double] = [0.1, -1e300, 1e-300]
        let f64 = try #require(doubles.withUnsafeBytes { TensorView(name: "t", dtype: .f64, shape: [3], copying: $0) })
        #expect(f64.floats() == [0.1, -.infinity, 0])
    }

    @Test func anEmptyTensorGivesNothing() throws {
        let view = try #require(tensor(.q4_1, [0, 32], []))
        #expect(view.floats().isEmpty)
    }

    private func tensor(_ dtype: DType, _ shape: [Int], _ bytes: [UInt8]) -> TensorView? {
        bytes.withUnsafeBytes { TensorView(name: "t", dtype: dtype, shape: shape, copying: $0) }
    }

    private func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = Array(hexadecimal.utf8).map { $0 < 58 ? $0 - 48 : $0 - 87 }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private func words(_ bytes: [UInt8]) -> [UInt32] {
        stride(from: 0, to: bytes.count, by: 4).map { start in
            (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * $1) }
        }
    }
}
