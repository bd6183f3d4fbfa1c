/// Random numbers of one request. The n-th number depends on the seed and n only, so a request gives the same tokens whatever ran
/// beside it.
///
/// SplitMix64 (Steele, Lea and Flood, 2014) used as a counter-based generator.
struct RandomSource: Sendable {
    private let seed: UInt64

    init(seed: UInt64) { self.seed = seed }

    /// In 0..<1, with 24 random bits. `attempt`: further numbers for the same draw.
    func uniform(_ index: Int, attempt: Int = 0) -> Float {
        var value = seed &+ (UInt64(index) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        value = value &+ UInt64(attempt) &* 0xD1B5_4A32_D192_ED03
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        value ^= value >> 31
        return Float(value >> 40) * 0x1p-24
    }
}
