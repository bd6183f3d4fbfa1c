/// Permutations and draws that depend on a seed and a number only, the same on every machine and in every version.
///
/// Fisher and Yates's shuffle (Durstenfeld's form) over SplitMix64 (Steele et al. 2014), with draws without bias (Lemire 2019).
public struct Permutation: Sendable {
    private var state: UInt64

    /// - Parameter stream: permutations of other streams are independent.
    public init(seed: UInt64, stream: UInt64) {
        state = seed
        state = next() ^ stream
        state = next()
    }

    /// The numbers from 0 to `count` less one, in a drawn order. Each call draws another one.
    public mutating func order(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        guard count > 1 else { return order }
        for last in stride(from: count - 1, through: 1, by: -1) { order.swapAt(last, below(last + 1)) }
        return order
    }

    /// A number from 0 to `bound` less one; `bound` is positive.
    public mutating func below(_ bound: Int) -> Int {
        let bound = UInt64(bound)
        while true {
            let product = next().multipliedFullWidth(by: bound)
            if product.low >= bound || product.low >= (0 &- bound) % bound { return Int(product.high) }
        }
    }

    private mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
