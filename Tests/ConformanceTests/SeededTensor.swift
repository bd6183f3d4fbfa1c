import Foundation
import JSON
import Tensors
import Testing
import Weights

@testable import Adapters

/// SplitMix64: the same numbers for the same seed, on every machine.
struct SeededRandom: RandomNumberGenerator {
    private(set) var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// Drawn anew, or what `LMOE_TEST_SEED` says: how a failure is repeated. Printed.
    static func drawn(for what: String) -> (random: SeededRandom, seed: UInt64) {
        let given = ProcessInfo.processInfo.environment["LMOE_TEST_SEED"].flatMap { UInt64($0) }
        let seed = given ?? UInt64.random(in: 0 ... .max)
        print("\(what): LMOE_TEST_SEED=\(seed)")
        return (SeededRandom(seed: seed), seed)
    }
}

/// Tensors that are made from their names by the formula of `scripts/fixtures/seeded.py`.
enum SeededTensor {
    /// FNV-1a, 64 bits.
    static func seed(_ name: String) -> UInt64 {
        name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// Rounded to nearest, ties to even.
    static func bf16(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }

    /// `offset + v * 2^-exponent`, v the highest byte of each number, signed.
    static func make(_ name: String, seed prefix: String, shape: [Int], exponent: Int, offset: Float) throws -> TensorView {
        let count = shape.reduce(1, *)
        let values = FloatBuffer(count: count)
        let step = Float(sign: .plus, exponent: -exponent, significand: 1)
        // 256 values there are; a debug build fetches them quicker than it computes them.
        let table = (0..<256).map { Float(Int8(truncatingIfNeeded: $0)) * step + offset }
        table.withUnsafeBufferPointer { table in
            var random = SeededRandom(seed: seed("\(prefix)/\(name)"))
            for index in 0..<count { values.pointer[index] = table[Int(truncatingIfNeeded: random.next() >> 56)] }
        }
        let bytes = UnsafeRawBufferPointer(start: values.pointer, count: 4 * count)
        return try #require(TensorView(name: name, dtype: .f32, shape: shape, copying: bytes))
    }
}

/// `tensors.json` of a fixture for the real base.
struct SeededAdapter {
    let tensors: [TensorView]

    init(_ folder: String) throws {
        let text = Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/tensors.json")))
        let document = JSONCursor(try JSONValue.parse(text))
        let (seed, layers, experts) = (
            try document["seed"].string(), try document["layers"].int(), try document["experts"].int()
        )
        var tensors: [TensorView] = []
        for line in try document["tensors"].members() {
            let shape = try line.value["shape"].array().map { try $0.int() }
            let exponent = try line.value["exponent"].int()
            let offsets = try line.value["offsets"].array().map { Float(try $0.double()) }
            for layer in 0..<(line.key.contains("{layer}") ? layers : 1) {
                for expert in 0..<(line.key.contains("{expert}") ? experts : 1) {
                    let name = line.key.replacing("{layer}", with: "\(layer)").replacing("{expert}", with: "\(expert)")
                    tensors.append(
                        try SeededTensor.make(
                            name, seed: seed, shape: shape, exponent: exponent, offset: offsets.isEmpty ? 0 : offsets[layer]))
                }
            }
        }
        self.tensors = tensors
    }
}
