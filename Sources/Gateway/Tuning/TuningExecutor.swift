import Generation
import Tuning

/// What a job is to do, with files and folders instead of identities.
struct TuningOrder: Sendable {
    /// `ftjob-…`
    var job: String
    var plan: TaskPlan
    /// The adapter's folder; its name is the plan's.
    var folder: String
    /// An earlier run began it: there may be checkpoints, or the adapter itself.
    var isBegun: Bool
}

/// What the check of a job's data found.
struct TuningDataSummary: Sendable, Equatable {
    var examples: Int
    var heldOutExamples: Int
    var tokens: Int
    /// What a person should know, though the data can be used.
    var warnings: [String]

    init(examples: Int, heldOutExamples: Int = 0, tokens: Int = 0, warnings: [String] = []) {
        self.examples = examples
        self.heldOutExamples = heldOutExamples
        self.tokens = tokens
        self.warnings = warnings
    }
}

/// What an executor tells of a job that it was given, in order.
enum TuningProgress: Sendable, Equatable {
    struct Step: Sendable, Equatable {
        var step: Int
        var totalSteps: Int
        var epoch: Double
        var loss: Double
        var learningRate: Double
        /// nil: the step was left out, as a gradient was not finite.
        var gradientNorm: Double?
        /// Of this step.
        var tokens: Int
        /// The share of pairs whose chosen answer is preferred.
        var accuracy: Double?
    }

    struct Result: Sendable, Equatable {
        /// nil: not known, as an earlier run wrote the adapter.
        var steps: Int?
        var trainedTokens: Int?
        var heldOutLoss: Double?
        var baseHeldOutLoss: Double?
        var bestStep: Int?
        var stoppedEarly = false
    }

    /// After this many steps of an earlier run; 0 for a new one.
    case started(step: Int, totalSteps: Int)
    case step(Step)
    case evaluated(step: Int, loss: Double, isBest: Bool)
    case checkpoint(step: Int)
    /// One of the following is the last. After this one the job goes on from a checkpoint when it is started again; the step is nil when
    /// it did not begin.
    case suspended(step: Int?)
    case cancelled
    case succeeded(Result)
    case failed(FineTuningJob.Failure)

    var isEnd: Bool {
        switch self {
        case .started, .step, .evaluated, .checkpoint: false
        case .suspended, .cancelled, .succeeded, .failed: true
        }
    }
}

/// Computes jobs. Any thread.
protocol TuningExecutor: Sendable {
    /// Reads and checks a job's data, on the caller's thread. Errors: why the job fails.
    func check(_ order: TuningOrder) throws(FineTuningJob.Failure) -> TuningDataSummary
    /// Begins a job, or goes on from its newest checkpoint, and returns without waiting. `tell` is called on the executor's thread.
    func start(_ order: TuningOrder, tell: @escaping @Sendable (TuningProgress) -> Void)
    /// Writes a checkpoint and lets go of the job; ends with `suspended`.
    func suspend(_ job: String)
    /// Lets go of the job without a checkpoint; ends with `cancelled`.
    func cancel(_ job: String)
    /// Deletes the checkpoints of a job that will not go on.
    func discard(_ order: TuningOrder) throws
    /// Suspends all jobs and returns when their checkpoints are written.
    func stop() async
}
