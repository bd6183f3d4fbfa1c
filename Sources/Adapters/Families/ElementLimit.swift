/// Magnitudes from which on an element is refused, as the bits of an f32 without its sign.
enum ElementLimit {
    static let infinity: UInt32 = 0x7F80_0000
    /// From here on rounding to bf16 gives infinity.
    static let firstBeyondBF16: UInt32 = 0x7F7F_8000
}
