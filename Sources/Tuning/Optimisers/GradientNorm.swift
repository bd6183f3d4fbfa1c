/// The L2 norm of gradients.
public enum GradientNorm {
    /// The sum of squares in f64, in an order that depends on `count` alone. It is not finite exactly when a gradient is not: squares of
    /// f32 do not overflow f64. O(count).
    public static func sumOfSquares(_ gradients: UnsafePointer<Float>, _ count: Int) -> Double {
        var sums = (SIMD8<Double>(repeating: 0), SIMD8<Double>(repeating: 0))
        let whole = count & ~15
        for start in stride(from: 0, to: whole, by: 16) {
            let low = SIMD8<Double>(Lanes(gradients + start))
            let high = SIMD8<Double>(Lanes(gradients + start + 8))
            sums.0 += low * low
            sums.1 += high * high
        }
        var sum = (sums.0 + sums.1).sum()
        for index in whole..<count { sum += Double(gradients[index]) * Double(gradients[index]) }
        return sum
    }
}

/// Decides what a step does with an adapter's gradients: they are clipped to a norm, and a step with a gradient that is NaN or infinite
/// is left out. After several of these in a row the run stops.
public struct GradientGuard: Sendable, Equatable {
    public enum Verdict: Sendable, Equatable {
        /// Update with the gradients times `scale`. `norm` is that before clipping.
        case apply(scale: Double, norm: Double)
        /// Leave weights and moments as they are.
        case skip
    }

    /// The greatest norm of a step; nil does not clip.
    public let maximumNorm: Double?
    /// The run stops at so many left out steps in a row.
    public let mostSkips: Int
    /// Steps that were left out since the start.
    public private(set) var skipCount: Int
    /// Steps that were left out since the last that was not.
    public private(set) var consecutiveSkipCount: Int

    /// Counts that are not 0 are those of a checkpoint. Throws `invalidSetting` outside these ranges: the norm more than 0 and at most
    /// 1e6, skips 1 to 1000.
    public init(
        maximumNorm: Double? = 1, mostSkips: Int = 8, skipCount: Int = 0, consecutiveSkipCount: Int = 0
    ) throws(TuningError) {
        if let maximumNorm { try NumberRange(.excluded(0), .included(1e6)).check(maximumNorm, "max_grad_norm") }
        try NumberRange(.included(1), .included(1000)).check(Double(mostSkips), "max_skipped_steps")
        self.maximumNorm = maximumNorm
        self.mostSkips = mostSkips
        self.skipCount = skipCount
        self.consecutiveSkipCount = consecutiveSkipCount
    }

    /// `sumOfSquares` is that of all gradients of the adapter, of which the norm is taken together (`torch.nn.utils.clip_grad_norm_`:
    /// times `min(1, maximumNorm / (norm + 1e-6))`). Throws `nonFinite` when the run is to stop.
    public mutating func judge(sumOfSquares: Double) throws(TuningError) -> Verdict {
        guard sumOfSquares.isFinite else {
            skipCount += 1
            consecutiveSkipCount += 1
            guard consecutiveSkipCount < mostSkips else {
                throw TuningError(
                    .nonFinite,
                    "gradients of \(consecutiveSkipCount) steps in a row were NaN or infinite: lower the learning rate or check the data")
            }
            return .skip
        }
        consecutiveSkipCount = 0
        let norm = sumOfSquares.squareRoot()
        guard let maximumNorm else { return .apply(scale: 1, norm: norm) }
        return .apply(scale: min(1, maximumNorm / (norm + 1e-6)), norm: norm)
    }
}
