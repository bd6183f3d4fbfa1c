internal import Dispatch
internal import Foundation
import Generation
internal import Logging
internal import Models
internal import Synchronization
internal import Tensors
internal import Tuning

/// Computes jobs together, on the weights that the service has in memory, in one `TuningRun` on a thread of its own. The thread and the
/// pool give way to serving.
///
/// Data are read on other threads, so that reading them does not hold up the steps of other jobs.
final class RunExecutor: TuningExecutor {
    private typealias Tell = @Sendable (TuningProgress) -> Void

    /// What is to become of a job that was handed over.
    private enum Wish { case run, suspend, cancel }

    private let base: TuningBase
    private let runner: Runner
    private let queue = TuningThread()
    /// Set when the service ends.
    private let interruption = Interruption()
    private let preparing = DispatchQueue(label: "lmoe.tuning.data", qos: .utility)
    private let pool: WorkerPool
    private let logger: Logger
    private let wishes = Mutex<[String: Wish]>([:])

    /// - Parameter baseWeights: with which adapters' folders are loaded before they get their names.
    init(_ base: TuningBase, weights: DecoderWeights, baseWeights: BaseWeights, pool: WorkerPool, logger: Logger) {
        self.base = base
        self.pool = pool
        self.logger = logger
        runner = Runner(base.identity, weights, baseWeights, pool, logger, interruption)
    }

    func check(_ order: TuningOrder) throws(FineTuningJob.Failure) -> TuningDataSummary {
        do throws(TuningError) {
            let unused = TaskCheckpoints(unusedFor: try TaskCheckpoints.folder(of: order.folder))
            return TuningDataSummary(try PreparedTask(order.plan, folder: order.folder, checkpoints: unused, base: base).data.report)
        } catch {
            throw failure(error, order)
        }
    }

    func start(_ order: TuningOrder, tell: @escaping @Sendable (TuningProgress) -> Void) {
        wishes.withLock { $0[order.job] = .run }
        preparing.async { [self] in
            do throws(TuningError) {
                if order.isBegun, FileManager.default.fileExists(atPath: order.folder) {
                    // The service ended between the adapter's last byte and the job's record.
                    return finish(order, tell, .succeeded(.init(steps: nil, trainedTokens: nil, stoppedEarly: false)))
                }
                let checkpoints = try checkpoints(order)
                for error in checkpoints.damaged { warn(order, "a damaged checkpoint is left out", "\(error)") }
                let task = try PreparedTask(order.plan, folder: order.folder, checkpoints: checkpoints, base: base)
                queue.async { [self] in begin(task, order, tell) }
            } catch {
                finish(order, tell, .failed(failure(error, order)))
            }
        }
    }

    /// Those of the job's earlier run, if there is one; what another job of the same adapter left is deleted.
    private func checkpoints(_ order: TuningOrder) throws(TuningError) -> TaskCheckpoints {
        if order.isBegun, try !TaskCheckpoints.folder(of: order.folder).files().isEmpty {
            return try TaskCheckpoints(resuming: order.folder)
        }
        return try TaskCheckpoints(beginning: order.folder, restarts: true)
    }

    func suspend(_ job: String) { wish(.suspend, job) }

    func cancel(_ job: String) { wish(.cancel, job) }

    private func wish(_ wish: Wish, _ job: String) {
        let isKnown = wishes.withLock { wishes in
            guard wishes[job] != nil, wishes[job] != .cancel else { return false }
            wishes[job] = wish
            return true
        }
        if isKnown { queue.async { [self] in grant() } }
    }

    func discard(_ order: TuningOrder) throws {
        try TaskCheckpoints.folder(of: order.folder).removeAll()
        try TaskCheckpoints(beginning: order.folder, restarts: true).remove()
    }

    func stop() async {
        for job in wishes.withLock({ Array($0.keys) }) { suspend(job) }
        // The round that runs may take seconds, and may wait for requests that are still answered.
        interruption.set()
        pool.share?.stopHolding()
        await withCheckedContinuation { continuation in queue.async { continuation.resume() } }
    }

    // MARK: On the queue

    private func begin(_ task: PreparedTask, _ order: TuningOrder, _ tell: @escaping Tell) {
        switch wishes.withLock({ $0[order.job] }) {
        case .run where interruption.isSet:
            return finish(order, tell, .suspended(step: nil))
        case .run:
            break
        case .suspend, nil:
            return finish(order, tell, .suspended(step: nil))
        case .cancel:
            return finish(order, tell, .cancelled)
        }
        do throws(TuningError) {
            let (step, total) = try runner.add(task, job: order.job) { [self] progress in
                if progress.isEnd { finish(order, tell, progress) } else { tell(progress) }
            } failed: { [self] error in
                failure(error, order)
            }
            tell(.started(step: step, totalSteps: total))
        } catch {
            return finish(order, tell, .failed(failure(error, order)))
        }
        goOn()
    }

    /// One round now, and the next one behind what has come meanwhile.
    private func goOn() {
        guard runner.startsRound() else { return }
        queue.async { [self] in
            // Before the round, which takes longer.
            grant()
            runner.round()
            goOn()
        }
    }

    /// Lets go of the jobs that are not to run.
    private func grant() {
        for (job, wish) in wishes.withLock({ $0 }) {
            switch wish {
            case .suspend: runner.suspend(job)
            case .cancel: runner.cancel(job)
            case .run: break
            }
        }
    }

    private func finish(_ order: TuningOrder, _ tell: Tell, _ progress: TuningProgress) {
        _ = wishes.withLock { $0.removeValue(forKey: order.job) }
        tell(progress)
    }

    // MARK: Errors

    /// For clients: it names fields of the request and no path of this machine, whose log has the rest.
    private func failure(_ error: TuningError, _ order: TuningOrder) -> FineTuningJob.Failure {
        let placed = order.plan.texts.placed(error)
        let line = error.line.map { "line \($0): " } ?? ""
        let field = error.field.map { "\($0): " } ?? ""
        for (path, param) in [(order.plan.data, "training_file"), (order.plan.heldOut, "validation_file")] where error.file == path {
            return .init(code: "invalid_\(param)", message: "\(line)\(field)\(error.message)", param: param)
        }
        switch error.code {
        case .invalidSetting, .unsupported:
            return .init(code: "invalid_setting", message: "\(line)\(placed.field.map { "\($0): " } ?? "")\(error.message)", param: placed.field)
        case .malformed, .nothingToTrain, .limitExceeded, .changed:
            return .init(code: "invalid_training_file", message: "\(line)\(field)\(error.message)", param: "training_file")
        case .nonFinite, .diverged:
            return .init(code: error.code == .diverged ? "diverged" : "not_finite", message: error.message)
        case .notFound, .exists, .otherBase, .interrupted, .io, .noMemory:
            warn(order, "a fine-tuning job failed", "\(error)")
            return .init(code: "server_error", message: "The server could not compute the job (\(error.code.rawValue)); its log says more under \(order.job).")
        }
    }

    private func warn(_ order: TuningOrder, _ event: String, _ why: String) {
        logger.warning("\(event)", metadata: ["job": .string(order.job), "adapter": .string(order.plan.name), "why": .string(why)])
    }
}

extension TuningDataSummary {
    init(_ report: DataReport) {
        self.init(
            examples: report.training.examples, heldOutExamples: report.heldOut.examples, tokens: report.training.tokens,
            warnings: report.files.flatMap { file in
                DataFinding.allCases.compactMap { finding in
                    file.findings[finding].map { found in
                        let lines = found.lines.prefix(5).map(String.init).joined(separator: ", ")
                        return "\(found.count) \(finding.text)\(lines.isEmpty ? "" : ": line \(lines)\(found.count > 5 ? ", …" : "")")"
                    }
                }
            })
    }
}
