/// Masks of dropout that are computed from their place instead of drawn: the same seed and place always give the same mask. So
/// recomputed activations, resumed runs and tasks that run beside others see the masks of a plain run.
///
/// A hash (SplitMix64's finaliser, Steele et al. 2014) of the place is the seed of the row; every 64 bits of its sequence decide on four
/// columns. Probabilities are multiples of 2^-16, and the scale of what is kept fits the rounded one.
public struct Dropout: Sendable, Equatable {
    /// 16 bits below this drop a column.
    private let threshold: UInt64
    private let key: UInt64
    /// What kept values are multiplied with: 1 / (1 - probability).
    public let scale: Float

    /// The largest probability.
    public static let largest = 0.9

    /// Nil for a probability that rounds to 0. A precondition: it is from 0 to `largest`.
    public init?(probability: Double, seed: UInt64) {
        precondition(0...Self.largest ~= probability, "a dropout of \(probability) was asked for")
        threshold = UInt64((probability * 65536).rounded())
        guard threshold > 0 else { return nil }
        key = Self.mix(seed)
        scale = Float(65536 / Double(65536 - threshold))
    }

    /// One row of an optimiser step: it has a mask for each linear map.
    public struct Row: Sendable, Equatable {
        fileprivate let key: UInt64
        fileprivate let threshold: UInt64
        fileprivate let scale: Float

        /// - Parameters:
        ///   - linear: the number of the linear map in the model.
        ///   - expert: of a mixture, whose experts have masks of their own.
        public func mask(linear: Int, expert: Int? = nil) -> RowMask {
            var seed = Dropout.mix(key ^ UInt64(bitPattern: Int64(linear)))
            if let expert { seed = Dropout.mix(seed ^ UInt64(bitPattern: Int64(expert + 1))) }
            return RowMask(seed: seed, threshold: threshold, scale: scale)
        }
    }

    /// - Parameters:
    ///   - step: the optimiser step of the task.
    ///   - row: the row among those of the task in its step, counted over micro-batches.
    public func row(step: Int, row: Int) -> Row {
        var key = key
        for part in [step, row] { key = Self.mix(key ^ UInt64(bitPattern: Int64(part))) }
        return Row(key: key, threshold: threshold, scale: scale)
    }

    /// The mask of one row.
    public struct RowMask: Sendable, Equatable {
        fileprivate let seed: UInt64
        fileprivate let threshold: UInt64
        fileprivate let scale: Float

        /// 0 or the scale.
        public func factor(_ column: Int) -> Float {
            let bits = Dropout.mix(seed &+ UInt64(column >> 2) &* 0x9E37_79B9_7F4A_7C15) >> UInt64(16 * (column & 3))
            return bits & 0xFFFF < threshold ? 0 : scale
        }

        /// `output = input * mask`; both may be the same memory.
        public func multiply(_ input: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, _ count: Int) {
            forEachColumn(count) { column, factor in output[column] = input[column] * factor }
        }

        /// `output += input * mask`.
        public func addMultiplied(_ input: UnsafePointer<Float>, to output: UnsafeMutablePointer<Float>, _ count: Int) {
            forEachColumn(count) { column, factor in output[column] += input[column] * factor }
        }

        @inline(__always)
        private func forEachColumn(_ count: Int, _ body: (Int, Float) -> Void) {
            let whole = count & ~3
            var counter = seed
            for start in stride(from: 0, to: whole, by: 4) {
                let bits = Dropout.mix(counter)
                counter &+= 0x9E37_79B9_7F4A_7C15
                body(start, bits & 0xFFFF < threshold ? 0 : scale)
                body(start + 1, bits >> 16 & 0xFFFF < threshold ? 0 : scale)
                body(start + 2, bits >> 32 & 0xFFFF < threshold ? 0 : scale)
                body(start + 3, bits >> 48 < threshold ? 0 : scale)
            }
            for column in whole..<count { body(column, factor(column)) }
        }
    }

    /// SplitMix64's output function of the next state.
    @inline(__always)
    fileprivate static func mix(_ state: UInt64) -> UInt64 {
        var z = state &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
