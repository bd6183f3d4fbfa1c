/// Ends a run whose training loss is not finite or far above its start for several steps in a row.
///
/// The start is the mean of the first losses. Without a limit of its own, a loss is too high at the start plus the greater of 2 and half
/// of the start: for a language model 2 nats a token, and in proportion for losses of another size, as IPO's.
public struct LossWatch: Sendable, Equatable {
    /// What a checkpoint keeps.
    public struct Progress: Sendable, Equatable {
        public var startSum = 0.0
        public var startCount = 0
        /// Steps in a row with a loss that is too high or not finite.
        public var badStepCount = 0

        public init() {}
    }

    /// Losses that make the start.
    static let startLosses = 8

    /// A loss above is too high; nil takes it from the start.
    public let greatestLoss: Double?
    /// Bad steps in a row after which the run ends.
    public let patience: Int
    public private(set) var progress: Progress

    /// Throws `invalidSetting` outside these ranges: the greatest loss more than 0 and at most 1e9, patience 1 to 1000.
    public init(greatestLoss: Double? = nil, patience: Int = 5, progress: Progress = Progress()) throws(TuningError) {
        if let greatestLoss { try NumberRange(.excluded(0), .included(1e9)).check(greatestLoss, "loss_watchdog_threshold") }
        try NumberRange(.included(1), .included(1000)).check(Double(patience), "loss_watchdog_patience")
        self.greatestLoss = greatestLoss
        self.patience = patience
        self.progress = progress
    }

    /// The loss above which a step is bad; nil while the start is not known.
    public var limit: Double? {
        if let greatestLoss { return greatestLoss }
        guard progress.startCount == Self.startLosses else { return nil }
        let start = progress.startSum / Double(progress.startCount)
        return start + max(2, start / 2)
    }

    /// The loss of one optimiser step. Throws `nonFinite` or `diverged` when the run is to end.
    public mutating func record(_ loss: Double) throws(TuningError) {
        let isTooHigh = limit.map { loss > $0 } ?? false
        guard !loss.isFinite || isTooHigh else {
            progress.badStepCount = 0
            if progress.startCount < Self.startLosses {
                progress.startSum += loss
                progress.startCount += 1
            }
            return
        }
        progress.badStepCount += 1
        guard progress.badStepCount >= patience else { return }
        guard loss.isFinite, let limit else {
            throw TuningError(
                .nonFinite, "the loss was NaN, infinite or too high for \(patience) steps: lower the learning rate or check the data")
        }
        throw TuningError(
            .diverged, "the loss stayed above \(rounded(limit)) for \(patience) steps, the last \(rounded(loss)): lower the learning rate")
    }

    /// Two digits behind the point.
    private func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
