import Foundation
import Tensors
import Testing

@Suite struct ElementEncoderTests {
    private struct Stored: Decodable {
        struct Encoded: Decodable {
            var bytes: String
        }

        /// f32 bits, little-endian, hexadecimal; rows of 256.
        var values: String
        var types: [String: Encoded]
    }

    private static let stored: Stored? = {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/quantize.json")
        return try? JSONDecoder().decode(Stored.self, from: Data(contentsOf: path))
    }()

    static let types = DType.allCases.filter { $0.isEncodable && $0 != .f32 }

    @Test(arguments: types)
    func rowsGetTheBitsOfTheReference(type: DType) throws {
        let stored = try #require(Self.stored)
        let values = floats(bytes(stored.values))
        let expected = bytes(try #require(stored.types[type.name]).bytes)
        let (found, loss) = try encode(values, type, columns: 256)
        #expect(loss.notFinite == 0)
        let blockBytes = type.blockBytes
        let differing = (0..<expected.count / blockBytes).filter {
            found[$0 * blockBytes..<($0 + 1) * blockBytes] != expected[$0 * blockBytes..<($0 + 1) * blockBytes]
        }
        #expect(found.count == expected.count && differing.isEmpty, "blocks \(differing.prefix(8)) of \(type.name) differ")
    }

    @Test(arguments: types)
    func whatIsReadBackIsNear(type: DType) throws {
        let stored = try #require(Self.stored)
        let values = Array(floats(bytes(stored.values))[..<256])
        let (encoded, _) = try encode(values, type, columns: 256)
        let view = try #require(encoded.withUnsafeBytes { TensorView(name: "t", dtype: type, shape: [256], copying: $0) })
        let error = zip(values, view.floats()).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        let size = values.reduce(0) { $0 + Double($1 * $1) }
        #expect((error / size).squareRoot() < (type.isQuantized && type != .q8_0 ? 0.12 : 0.01))
    }

    @Test func sixteenBitTypesAreRoundedToNearestEvenAndKeepWhatIsNoNumber() throws {
        let values: [Float] = [0, -0.0, 1, 1.00390625, 1.01171875, 65504, 65519.996, 65520, -1e30, .infinity, -.infinity, .nan, 1e-8, .leastNonzeroMagnitude, 3.4e38]
        let (half, halfLoss) = try encode(values, .f16, columns: values.count)
        #expect(words(half) == [0, 0x8000, 0x3C00, 0x3C04, 0x3C0C, 0x7BFF, 0x7BFF, 0x7C00, 0xFC00, 0x7C00, 0xFC00, 0x7E00, 0, 0, 0x7C00])
        #expect(halfLoss == EncodingLoss(overflows: 3, notFinite: 3))
        let (bfloat, bfloatLoss) = try encode(values, .bf16, columns: values.count)
        #expect(words(bfloat) == [0, 0x8000, 0x3F80, 0x3F80, 0x3F82, 0x4780, 0x4780, 0x4780, 0xF14A, 0x7F80, 0xFF80, 0x7FC0, 0x322C, 0, 0x7F80])
        #expect(bfloatLoss == EncodingLoss(overflows: 1, notFinite: 3))
    }

    @Test func aCopyInF32CountsWhatIsNoNumber() throws {
        let values: [Float] = [1, .nan, -.infinity, .greatestFiniteMagnitude]
        let (copied, loss) = try encode(values, .f32, columns: 4)
        #expect(floats(copied).map(\.bitPattern) == values.map(\.bitPattern))
        #expect(loss == EncodingLoss(overflows: 0, notFinite: 2))
    }

    @Test(arguments: types.filter { $0.isQuantized })
    func aBlockWithWhatIsNoNumberIsNoNumberAndIsCounted(type: DType) throws {
        let block = type.blockElements
        for bad in [Float.nan, .infinity, -.infinity] {
            var values = (0..<3 * block).map { Float($0 % 7) - 3 }
            values[block + 5] = bad
            let (encoded, loss) = try encode(values, type, columns: 3 * block)
            #expect(loss == EncodingLoss(overflows: 0, notFinite: 1))
            let view = try #require(encoded.withUnsafeBytes { TensorView(name: "t", dtype: type, shape: [3 * block], copying: $0) })
            let read = view.floats()
            #expect(read[block..<2 * block].allSatisfy { $0.isNaN })
            #expect((read[..<block] + read[(2 * block)...]).allSatisfy { abs($0) < 4 })
        }
    }

    @Test(arguments: types.filter { $0.isQuantized })
    func aScaleBeyondHalfPrecisionIsCounted(type: DType) throws {
        var values = [Float](repeating: 0.5, count: 2 * type.blockElements)
        for large: Float in [3e9, 3e37] {
            values[3] = large
            values[4] = -large
            #expect(try encode(values, type, columns: values.count).1 == EncodingLoss(overflows: 1, notFinite: 0), "\(large)")
        }
    }

    @Test func rowsThatAreNoWholeBlocksAndTypesThatAreNotWrittenAreRefused() throws {
        let odd = #expect(throws: TensorError.self) { try ElementEncoder(.q8_0, columns: 48, tensor: "t") }
        #expect(odd?.code == .wrongShape && odd?.description == "t: rows of 48 elements are no multiple of q8_0's 32")
        let error = #expect(throws: TensorError.self) { try ElementEncoder(.iq4_xs, columns: 256, tensor: "t") }
        #expect(error?.code == .unsupportedType)
    }

    @Test func noRowsGiveNothing() throws {
        let encoder = try ElementEncoder(.q4_0, columns: 0, tensor: "t")
        #expect(encoder.rowBytes == 0)
        var out: [UInt8] = [7]
        #expect(encoder.encode([1], rows: 3, into: &out).isEmpty)
        #expect(out == [7])
    }

    /// With a byte before the output, so that it is not aligned, and one behind it that has to stay.
    private func encode(_ values: [Float], _ type: DType, columns: Int) throws -> ([UInt8], EncodingLoss) {
        let encoder = try ElementEncoder(type, columns: columns, tensor: "t")
        let rows = values.count / columns
        var out = [UInt8](repeating: 0xA5, count: rows * encoder.rowBytes + 2)
        let loss = out.withUnsafeMutableBytes { encoder.encode(values, rows: rows, into: $0.baseAddress! + 1) }
        #expect(out.first == 0xA5 && out.last == 0xA5, "nothing is written outside")
        return (Array(out.dropFirst().dropLast()), loss)
    }

    private func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = Array(hexadecimal.utf8).map { $0 < 58 ? $0 - 48 : $0 - 87 }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private func floats(_ bytes: [UInt8]) -> [Float] {
        stride(from: 0, to: bytes.count, by: 4).map { start in
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * $1) })
        }
    }

    private func words(_ bytes: [UInt8]) -> [UInt16] {
        stride(from: 0, to: bytes.count, by: 2).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
    }
}
