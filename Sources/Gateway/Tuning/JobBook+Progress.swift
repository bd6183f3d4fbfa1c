internal import Files
import Generation
internal import Synchronization

/// What the executor tells.
extension JobBook {
    func note(_ progress: TuningProgress, of id: String) {
        if case .succeeded(let result) = progress {
            // Serving the adapter takes time, which is not the executor's.
            ending.async { [self] in succeed(id, result) }
            return
        }
        state.withLock { state in
            guard var entry = state.entries[id] else { return }
            if progress.isEnd { state.given.remove(id) }
            apply(progress, to: &entry)
            state.entries[id] = entry
        }
        if progress.isEnd { schedule() }
    }

    private func apply(_ progress: TuningProgress, to entry: inout Entry) {
        let now = clock()
        switch progress {
        case .started(let step, let total):
            (entry.job.step, entry.job.totalSteps, entry.pace) = (step, total, (step, now))
            tell(&entry, step == 0 ? "Fine-tuning job started" : "Fine-tuning job goes on after step \(step) of \(total)")
            keep(entry)
        case .step(let step):
            (entry.job.step, entry.job.totalSteps) = (step.step, step.totalSteps)
            change(&entry) { (log) throws(FileError) in try log.note(step, id: TuningFolder.newIdentity("ftevent-"), at: now) }
        case .evaluated(let step, let loss, _):
            let total = entry.job.totalSteps ?? step
            change(&entry) { (log) throws(FileError) in
                try log.noteHeldOut(step: step, totalSteps: total, loss: loss, id: TuningFolder.newIdentity("ftevent-"), at: now)
            }
        case .checkpoint(0):
            // Of the start, which is none of the client's.
            break
        case .checkpoint(let step):
            change(&entry) { (log) throws(FileError) in try log.noteCheckpoint(step: step, id: TuningFolder.newIdentity("ftckpt_"), at: now) }
            keep(entry)
        case .suspended(let step):
            if let step { entry.job.step = step }
            entry.pace = nil
            if entry.job.status == .running { entry.job.status = .queued }
            keep(entry)
        case .cancelled:
            if !entry.job.status.isFinal { end(&entry, .cancelled) }
            discard(entry.job)
        case .failed(let failure):
            // Its checkpoints stay: `lmoe tune --resume` may go on from them.
            if !entry.job.status.isFinal { end(&entry, .failed) { $0.failure = failure } }
        case .succeeded:
            break
        }
    }

    /// The adapter is written: it is served before the job counts as done.
    private func succeed(_ id: String, _ result: TuningProgress.Result) {
        guard let (job, owner) = state.withLock({ state in state.entries[id].map { ($0.job, $0.owner) } }) else { return }
        library.publish(job.adapter)
        var results: [String] = []
        attempt("the results of the job \(id) cannot be written") {
            let content = try JobLog.results(folder: folder.place(.jobs, id))
            results = [try files.addResults(content, name: "step_metrics.csv", owner: owner).id]
        }
        state.withLock { state in
            state.given.remove(id)
            guard var entry = state.entries[id] else { return }
            if result.stoppedEarly { tell(&entry, "The held-out loss does not fall any more: the run ends after step \(result.steps ?? job.step)") }
            if let loss = result.heldOutLoss, let step = result.bestStep {
                let base = result.baseHeldOutLoss.map { "; the base has \(Self.short($0))" } ?? ""
                tell(&entry, "The lowest held-out loss is \(Self.short(loss)), after step \(step)\(base)")
            }
            let (step, now) = (result.bestStep ?? result.steps ?? job.step, clock())
            change(&entry) { (log) throws(FileError) in
                try log.noteCheckpoint(
                    step: step, isResult: true, lowest: result.heldOutLoss, id: TuningFolder.newIdentity("ftckpt_"), at: now)
            }
            tell(&entry, "New fine-tuned model created: \(job.adapter)")
            end(&entry, .succeeded) { job in
                job.step = result.steps ?? job.step
                job.trainedTokens = result.trainedTokens
                job.resultFiles = results
            }
            state.entries[id] = entry
        }
        schedule()
    }

    /// Brings a job to its end, and lets go of its events.
    func end(_ entry: inout Entry, _ status: FineTuningJob.Status, _ change: (inout FineTuningJob) -> Void = { _ in }) {
        entry.job.status = status
        entry.job.isPaused = false
        entry.job.finishedAt = clock()
        entry.job.failure = nil
        entry.pace = nil
        change(&entry.job)
        let (message, level): (String, FineTuningEvent.Level) =
            switch status {
            case .succeeded: ("The job has successfully completed", .info)
            case .failed: ("The job failed: \(entry.job.failure?.message ?? "for an unknown reason")", .error)
            default: ("The job was cancelled", .info)
            }
        tell(&entry, message, level: level, isLast: true)
        keep(entry)
        entry.log = nil
    }

    /// Deletes checkpoints that nothing will go on from.
    func discard(_ job: FineTuningJob) {
        attempt("the checkpoints of the job \(job.id) cannot be deleted") { try executor.discard(try order(job)) }
    }

    private static func short(_ value: Double) -> String {
        value.isFinite && abs(value) < 1e9 ? "\((value * 1e4).rounded() / 1e4)" : "\(value)"
    }
}
