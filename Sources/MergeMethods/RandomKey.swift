internal import Tensors

/// Names the random numbers of one source: the number of a place depends on the place alone, and not on threads or on the order of calls.
struct RandomKey {
    let value: UInt64

    /// Keys of different sources are unrelated, unlike seeds that differ by a constant.
    init(seed: UInt64, source: Int) {
        value = Self.mixed(Self.mixed(seed) &+ UInt64(source) &* 0xd605_1a2f_6a3b_9c45)
    }

    /// In `0..<1`.
    func number(_ place: Int) -> Double { Kernels.random(value, place) }

    /// SplitMix64's output function (Steele et al. 2014).
    static func mixed(_ word: UInt64) -> UInt64 {
        var word = word &+ 0x9e37_79b9_7f4a_7c15
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}
