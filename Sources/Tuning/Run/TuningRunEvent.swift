/// What a run tells, in order.
public enum TuningRunEvent: Sendable {
    /// A step, a measurement, or the end of a task's steps.
    case progress(TuningEvent)
    case checkpoint(task: String, step: Int, file: String)
    /// The adapter's folder is there; the run holds the task no longer.
    case written(TaskResult)
    /// The task ended without an adapter; the run holds it no longer.
    case failed(task: String, TuningError)
    /// Something that a person should know and that ends nothing.
    case warning(task: String, String)
}

/// What became of a task.
public struct TaskResult: Sendable {
    public var task: String
    public var folder: String
    public var steps: Int
    public var tokens: Int
    public var trainingLoss: Double?
    public var heldOutLoss: Double?
    public var baseLoss: Double?
    public var bestStep: Int?
    public var finish: FinishReason
}
