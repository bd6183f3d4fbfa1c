import CKernels

/// Numbers that repeat from run to run (SplitMix64).
struct Numbers {
    private var state: UInt64

    init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func bits() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: bits() >> 40) }
    /// In -1..<1.
    mutating func float() -> Float { Float(Int32(truncatingIfNeeded: bits() >> 32)) / 0x1p31 }
    mutating func floats(_ count: Int, scale: Float = 1) -> [Float] { (0..<count).map { _ in float() * scale } }
}

/// The instruction sets of this machine, by name.
let implementations: [String] = ["scalar", "avx2", "avx512", "avx512_bf16", "neon", "neon_i8mm"].filter { ck_kernels_named($0) != nil }

func kernels(_ name: String) -> ck_kernels {
    guard let table = ck_kernels_named(name) else { preconditionFailure("\(name) is in the list of those that are there") }
    return table.pointee
}

/// Elements of an array that starts `offset` floats after an allocation's start, so that no vector is aligned.
func unaligned(_ values: [Float], _ offset: Int = 1) -> [Float] { [Float](repeating: .nan, count: offset) + values }

func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }
