internal import Glibc

/// How the learning rate changes over a run, as `transformers.get_scheduler` computes it: the steps of a warm-up raise it from 0, so that
/// the first of them has the rate 0.
public struct LearningRateSchedule: Sendable, Equatable {
    public enum Shape: String, Sendable, CaseIterable {
        /// `constant_with_warmup` of transformers; without warm-up its `constant`.
        case constant
        /// Falls to 0 at the end of the run.
        case linear
        /// Half a cosine to 0 at the end of the run.
        case cosine
    }

    public let shape: Shape
    public let warmupSteps: Int
    public let totalSteps: Int

    /// A `warmup` of 1 and more is a number of steps, less is a share of `totalSteps`, rounded up. Throws `invalidSetting` for a warm-up
    /// below 0 or beyond 1e9.
    public init(_ shape: Shape, warmup: Double = 0, totalSteps: Int) throws(TuningError) {
        try NumberRange(.included(0), .included(1e9)).check(warmup, "warmup_steps")
        precondition(totalSteps >= 0, "\(totalSteps) steps")
        self.shape = shape
        self.warmupSteps = warmup >= 1 ? Int(warmup) : Int((Double(totalSteps) * warmup).rounded(.up))
        self.totalSteps = totalSteps
    }

    /// What the learning rate is multiplied with.
    /// - Parameter step: steps that were done before; the first has 0.
    public func factor(_ step: Int) -> Double {
        if step < warmupSteps { return Double(step) / Double(max(1, warmupSteps)) }
        let rest = Double(max(1, totalSteps - warmupSteps))
        switch shape {
        case .constant: return 1
        case .linear: return max(0, Double(totalSteps - step) / rest)
        case .cosine: return max(0, 0.5 * (1 + cos(.pi * (Double(step - warmupSteps) / rest))))
        }
    }
}
