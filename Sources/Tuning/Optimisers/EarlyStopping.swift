/// Ends a run when the held-out loss no longer falls, and knows the step with the lowest one.
public struct EarlyStopping: Sendable, Equatable {
    /// What a checkpoint keeps.
    public struct Progress: Sendable, Equatable {
        /// The lowest held-out loss so far and the step after which it was measured.
        public var bestLoss: Double?
        public var bestStep: Int?
        /// The loss at the last improvement that counted.
        public var markedLoss: Double?
        /// Evaluations since then.
        public var evaluationsWithoutImprovement = 0

        public init() {}
    }

    public struct Outcome: Sendable, Equatable {
        /// The lowest loss so far: these weights are worth keeping.
        public var isBest: Bool
        /// The run ends here.
        public var stops: Bool
    }

    /// Evaluations without improvement after which the run ends; nil never ends it.
    public let patience: Int?
    /// How much the loss must fall to count. Smaller falls add up until they count.
    public let leastImprovement: Double
    public private(set) var progress: Progress

    /// Throws `invalidSetting` outside these ranges: patience 1 to 1000, least improvement 0 to 100.
    public init(patience: Int?, leastImprovement: Double = 0, progress: Progress = Progress()) throws(TuningError) {
        if let patience { try NumberRange(.included(1), .included(1000)).check(Double(patience), "early_stopping_patience") }
        try NumberRange(.included(0), .included(100)).check(leastImprovement, "early_stopping_threshold")
        self.patience = patience
        self.leastImprovement = leastImprovement
        self.progress = progress
    }

    /// - Parameter step: optimiser steps that were done before the evaluation. A loss that is not finite is no improvement.
    public mutating func record(loss: Double, step: Int) -> Outcome {
        let isBest = progress.bestLoss.map { loss < $0 } ?? loss.isFinite
        if isBest {
            progress.bestLoss = loss
            progress.bestStep = step
        }
        if progress.markedLoss.map({ loss < $0 - leastImprovement }) ?? loss.isFinite {
            progress.markedLoss = loss
            progress.evaluationsWithoutImprovement = 0
        } else {
            progress.evaluationsWithoutImprovement += 1
        }
        return Outcome(isBest: isBest, stops: patience.map { progress.evaluationsWithoutImprovement >= $0 } ?? false)
    }
}
