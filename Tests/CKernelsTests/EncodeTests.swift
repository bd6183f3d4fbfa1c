import CKernels
import Testing

@Suite struct EncodeTests {
    private typealias Encode = @convention(c) (UnsafePointer<Float>?, Int, UnsafeMutableRawPointer?, UnsafeMutablePointer<ck_encoding_loss>?) -> Void

    private struct Encoder {
        var type: String
        /// Of a block.
        var elements: Int
        var bytes: Int
        var encode: Encode
    }

    private func encoders(_ name: String) -> [Encoder] {
        let table = kernels(name).encode
        let encoders: [(String, Int, Int, Encode?)] = [
            ("f32", 1, 4, table.f32), ("f16", 1, 2, table.f16), ("bf16", 1, 2, table.bf16), ("q4_0", 32, 18, table.q4_0),
            ("q4_1", 32, 20, table.q4_1), ("q5_0", 32, 22, table.q5_0), ("q5_1", 32, 24, table.q5_1), ("q8_0", 32, 34, table.q8_0),
            ("q4_K", 256, 144, table.q4_K), ("q5_K", 256, 176, table.q5_K), ("q6_K", 256, 210, table.q6_K),
        ]
        return encoders.compactMap { type, elements, bytes, encode in encode.map { Encoder(type: type, elements: elements, bytes: bytes, encode: $0) } }
    }

    @Test func everyImplementationHasTheBitsAndTheLossesOfTheScalarOne() {
        for (seed, scale) in [Float(0.02), 1, 1e-38, 1e36].enumerated() {
            for count in [0, 1, 2, 3, 8, 24, 130, 264] {
                var numbers = Numbers(1000 * seed + count)
                var values = numbers.floats(32 * count, scale: scale)
                // Zeros of both signs, equal largest ones, and what is no number.
                for i in values.indices where i % 5 == 0 { values[i] = i % 2 == 0 ? 0 : -0.0 }
                for i in values.indices where i % 64 == 7 { values[i] = -scale }
                for i in values.indices where i % 96 == 50 { values[i] = scale }
                for i in values.indices where i % 1000 == 333 { values[i] = i % 2 == 0 ? .nan : -.infinity }
                check(values, "\(count) blocks, scale \(scale)")
            }
        }
    }

    @Test func plainTypesTakeEveryLength() {
        for count in Array(0...67) + [4095, 4096, 4097, 8200] {
            var numbers = Numbers(count)
            var values = numbers.floats(count, scale: 70_000)
            if count > 3 { values[count - 2] = .nan }
            check(values, "\(count) elements", types: ["f32", "f16", "bf16"])
        }
    }

    /// Input and output begin where nothing is aligned.
    private func check(_ values: [Float], _ what: String, types: [String]? = nil) {
        let input = unaligned(values)
        for (index, scalar) in encoders("scalar").enumerated() where values.count % scalar.elements == 0 && types?.contains(scalar.type) ?? true {
            func run(_ encoder: Encoder) -> (bytes: [UInt8], overflows: Int, notFinite: Int) {
                var out = [UInt8](repeating: 0xA5, count: values.count / encoder.elements * encoder.bytes + 2)
                var loss = ck_encoding_loss(overflows: 3, not_finite: 4)
                input.withUnsafeBufferPointer { x in
                    out.withUnsafeMutableBytes { encoder.encode(x.baseAddress! + 1, values.count, $0.baseAddress! + 1, &loss) }
                }
                #expect(out.first == 0xA5 && out.last == 0xA5, "\(encoder.type), \(what): nothing is written outside")
                return (out, Int(loss.overflows), Int(loss.not_finite))
            }
            let expected = run(scalar)
            #expect(expected.notFinite == 4 + values.filter { !$0.isFinite }.count, "\(scalar.type), \(what)")
            for name in implementations.dropFirst() {
                let found = run(encoders(name)[index])
                #expect(found == expected, "\(scalar.type), \(name), \(what)")
            }
        }
    }
}
