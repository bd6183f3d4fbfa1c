/// Masks of dropout that are computed from their place instead of drawn: the same seed and place always give the same mask. So
/// recomputed activations, resumed runs and tasks that run beside others see the masks of a plain run.
///
/// A hash (SplitMix64's finaliser, Steele et al. 2014) of the place is the seed of the row; every 64 bits of its sequence decide on four
/// columns. Probabilities are multiples of 2^-16, and the scale of what is kept fits the rounded one.
public struct Dropout: Sendable, Equatable {
    /// Where a row is multiplied.
    public struct Place: Sendable, Equatable {
        /// The optimiser step of the task.
        public var step: Int
        /// The row among those of the task in its step, counted over micro-batches.
        public var row: Int
        /// The number of the linear map in the model.
        public var linear: Int
        /// The expert of a mixture; 0 without one.
        public var expert: Int

        public init(step: Int, row: Int, linear: Int, expert: Int = 0) {
            self.step = step
            self.row = row
            self.linear = linear
            self.expert = expert
        }
    }

    /// 16 bits below this drop a column.
    private let threshold: UInt64
    private let key: UInt64
    /// What kept values are multiplied with: 1 / (1 - probability).
    public let scale: Float

    /// Nil for a probability that rounds to 0. Throws `invalidSetting` unless it is from 0 to 0.9.
    public init?(probability: Double, seed: UInt64, task: UInt64) throws(TuningError) {
        try NumberRange(.included(0), .included(0.9)).check(probability, "lora_dropout")
        threshold = UInt64((probability * 65536).rounded())
        guard threshold > 0 else { return nil }
        key = Self.mix(Self.mix(seed) ^ task)
        scale = Float(65536 / Double(65536 - threshold))
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

    public func mask(_ place: Place) -> RowMask {
        var seed = key
        for part in [place.step, place.row, place.linear, place.expert] { seed = Self.mix(seed ^ UInt64(bitPattern: Int64(part))) }
        return RowMask(seed: seed, threshold: threshold, scale: scale)
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
