/// What one optimiser step of a task did.
public struct StepReport: Sendable, Equatable {
    public var task: String
    /// Optimiser steps so far, this one included.
    public var step: Int
    public var totalSteps: Int
    public var epoch: Double
    public var loss: Double
    /// Nil: the step was left out, as a gradient was not finite.
    public var gradientNorm: Double?
    public var learningRate: Double
    /// Tokens that went through the model, the reference's rows not counted.
    public var tokens: Int
    public var metrics: ObjectiveMetrics
}

/// A measurement of the held-out loss.
public struct EvaluationReport: Sendable, Equatable {
    public var task: String
    public var step: Int
    public var loss: Double
    /// The lowest so far.
    public var isBest: Bool
    public var metrics: ObjectiveMetrics
}

/// What a run tells while it goes on, in order.
public enum TuningEvent: Sendable, Equatable {
    case step(StepReport)
    case evaluation(EvaluationReport)
    /// The task is done.
    case finished(task: String, FinishReason)
}

public enum FinishReason: String, Sendable {
    /// All steps were done.
    case completed
    /// The held-out loss did not fall any more.
    case stoppedEarly = "stopped_early"
}
