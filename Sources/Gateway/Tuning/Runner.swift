import Generation
internal import Logging
internal import Models
internal import Synchronization
internal import Tensors
internal import Tuning

/// The run that computes all jobs, and who is told of each.
///
/// `@unchecked Sendable`: `RunExecutor` is its one owner and calls it on its `TuningThread` alone, one call after the other.
final class Runner: @unchecked Sendable {
    private struct Job {
        var id: String
        var tell: (TuningProgress) -> Void
        var failed: (TuningError) -> FineTuningJob.Failure
    }

    private let identity: BaseIdentity
    private let weights: DecoderWeights
    private let baseWeights: BaseWeights
    private let pool: WorkerPool
    private let logger: Logger
    private let interruption: Interruption
    /// nil before the first job, and after an error that was no job's.
    private var run: TuningRun?
    /// By the name of the adapter.
    private var jobs: [String: Job] = [:]
    private var hasRound = false

    /// A run that is killed loses fewer steps than this.
    private static let checkpointSteps = 20

    init(
        _ identity: BaseIdentity, _ weights: DecoderWeights, _ baseWeights: BaseWeights, _ pool: WorkerPool, _ logger: Logger,
        _ interruption: Interruption
    ) {
        self.identity = identity
        self.weights = weights
        self.baseWeights = baseWeights
        self.pool = pool
        self.logger = logger
        self.interruption = interruption
    }

    /// Takes a job in. Returns its steps so far and in all. Errors: those of `TuningRun.add`.
    func add(
        _ task: PreparedTask, job: String, tell: @escaping (TuningProgress) -> Void, failed: @escaping (TuningError) -> FineTuningJob.Failure
    ) throws(TuningError) -> (step: Int, totalSteps: Int) {
        let run = self.run ?? TuningRun(
            base: identity, weights: weights, pool: pool, options: .init(checkpointSteps: Self.checkpointSteps),
            baseWeights: baseWeights, interruption: interruption)
        self.run = run
        let added = try run.add(task)
        jobs[task.name] = Job(id: job, tell: tell, failed: failed)
        return (added.step, added.totalSteps)
    }

    /// Whether a round is to be queued: there are jobs, and none is queued yet.
    func startsRound() -> Bool {
        guard !hasRound, !jobs.isEmpty else { return false }
        hasRound = true
        return true
    }

    /// A micro-batch of each job.
    func round() {
        hasRound = false
        guard let run else { return }
        do throws(TuningError) {
            try run.advance(note)
        } catch where error.code == .interrupted {
            // The jobs are between two steps; they are let go of next.
        } catch {
            self.run = nil
            for (name, job) in jobs {
                jobs[name] = nil
                job.tell(.failed(job.failed(error)))
            }
        }
    }

    /// Lets go of a job with a checkpoint. Without a disk for it, the job goes on from the one before.
    func suspend(_ id: String) {
        guard let (name, job) = jobs.first(where: { $0.value.id == id }) else { return }
        let step = run?.tasks.first { $0.name == name }?.step
        do throws(TuningError) {
            try run?.suspend(name, note)
        } catch {
            logger.warning(
                "a checkpoint cannot be written: the job goes on from the one before", metadata: ["job": .string(id), "why": .string("\(error)")])
        }
        jobs[name] = nil
        job.tell(.suspended(step: step))
    }

    func cancel(_ id: String) {
        guard let (name, job) = jobs.first(where: { $0.value.id == id }) else { return }
        do throws(TuningError) {
            try run?.cancel(name)
        } catch {
            logger.warning("checkpoints cannot be deleted", metadata: ["job": .string(id), "why": .string("\(error)")])
        }
        jobs[name] = nil
        job.tell(.cancelled)
    }

    private func note(_ event: TuningRunEvent) {
        switch event {
        case .progress(.step(let report)):
            jobs[report.task]?.tell(
                .step(
                    .init(
                        step: report.step, totalSteps: report.totalSteps, epoch: report.epoch, loss: report.loss,
                        learningRate: report.learningRate, gradientNorm: report.gradientNorm, tokens: report.tokens,
                        accuracy: report.metrics.accuracy)))
        case .progress(.evaluation(let report)):
            jobs[report.task]?.tell(.evaluated(step: report.step, loss: report.loss, isBest: report.isBest))
        case .progress(.finished):
            break
        case .checkpoint(let task, let step, _):
            jobs[task]?.tell(.checkpoint(step: step))
        case .written(let result):
            let job = jobs.removeValue(forKey: result.task)
            job?.tell(
                .succeeded(
                    .init(
                        steps: result.steps, trainedTokens: result.tokens, heldOutLoss: result.heldOutLoss, baseHeldOutLoss: result.baseLoss,
                        bestStep: result.bestStep, stoppedEarly: result.finish == .stoppedEarly)))
        case .failed(let task, let error):
            guard let job = jobs.removeValue(forKey: task) else { return }
            job.tell(.failed(job.failed(error)))
        case .warning(let task, let why):
            logger.warning("a fine-tuning job", metadata: ["adapter": .string(task), "why": .string(why)])
        }
    }
}
