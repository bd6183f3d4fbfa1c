internal import Files
import Generation
import OpenAIAPI
internal import Synchronization

/// What clients ask of jobs.
extension JobBook {
    /// Errors: `jobNotFound`.
    func job(_ id: String, for owner: FineTuningOwner) throws(APIError) -> FineTuningJob {
        shown(try entry(id, owner))
    }

    private func entry(_ id: String, _ owner: FineTuningOwner) throws(APIError) -> Entry {
        guard let entry = state.withLock({ $0.entries[id] }), owner.sees(entry.owner) else { throw Self.unknown(id) }
        return entry
    }

    private static func unknown(_ id: String) -> APIError { APIError(.jobNotFound, "Could not find fine tune: \(id)", param: "fine_tune_id") }

    /// With the estimate of now.
    private func shown(_ entry: Entry) -> FineTuningJob {
        var job = entry.job
        if job.status == .running, let pace = entry.pace, let total = job.totalSteps, job.step > pace.step {
            let now = clock()
            let perStep = Double(now - pace.seconds) / Double(job.step - pace.step)
            job.estimatedFinish = now + Int(perStep * Double(max(0, total - job.step)))
        }
        return job
    }

    /// The newest first. Errors: `invalidRequest` for an unknown place.
    func list(_ place: ListPlace, where filter: MetadataFilter, for owner: FineTuningOwner) throws(APIError) -> FineTuningPage<FineTuningJob> {
        let entries = state.withLock { Array($0.entries.values) }.filter { owner.sees($0.owner) && filter.takes($0.job) }
        let (elements, hasMore) = try page(entries.sorted { $0.sequence > $1.sequence }.map(shown), place, id: \.id)
        return FineTuningPage(elements, hasMore: hasMore)
    }

    /// The newest first.
    func events(of id: String, _ place: ListPlace, for owner: FineTuningOwner) throws -> FineTuningPage<FineTuningEvent> {
        let (elements, hasMore) = try page(log(id, owner).log.events.reversed(), place, id: \.id)
        return FineTuningPage(elements, hasMore: hasMore)
    }

    /// The newest first, with the adapter's name.
    func checkpoints(
        of id: String, _ place: ListPlace, for owner: FineTuningOwner
    ) throws -> (adapter: String, page: FineTuningPage<FineTuningCheckpoint>) {
        let (adapter, log) = try log(id, owner)
        let (elements, hasMore) = try page(log.checkpoints.reversed(), place, id: \.id)
        return (adapter, FineTuningPage(elements, hasMore: hasMore))
    }

    private func log(_ id: String, _ owner: FineTuningOwner) throws -> (adapter: String, log: JobLog) {
        let entry = try entry(id, owner)
        return (entry.job.adapter, try entry.log ?? JobLog.read(folder: folder.place(.jobs, id), limits: limits))
    }

    /// Whether a job that has not ended reads the file.
    func uses(_ file: String) -> String? {
        state.withLock { state in
            state.entries.values.first { entry in
                !entry.job.status.isFinal && [entry.job.request.trainingFile, entry.job.request.validationFile].contains(file)
            }?.job.id
        }
    }

    // MARK: Changes

    func cancel(_ id: String, for owner: FineTuningOwner) throws -> FineTuningJob {
        let (job, isGiven) = try change(id, owner) { entry, state in
            end(&entry, .cancelled)
            return state.given.contains(id)
        }
        if isGiven { executor.cancel(id) } else { discard(job) }
        return job
    }

    func pause(_ id: String, for owner: FineTuningOwner) throws -> FineTuningJob {
        let (job, isGiven) = try change(id, owner) { entry, state in
            guard !entry.job.isPaused else { return false }
            entry.job.isPaused = true
            if entry.job.status == .running { entry.job.status = .queued }
            tell(&entry, "The job was paused")
            keep(entry)
            return state.given.contains(id)
        }
        if isGiven { executor.suspend(id) }
        return job
    }

    func resume(_ id: String, for owner: FineTuningOwner) throws -> FineTuningJob {
        let (job, _) = try change(id, owner) { entry, _ throws(APIError) in
            guard entry.job.isPaused else { throw APIError(.invalidRequest, "The job \(id) is not paused.", param: "fine_tune_id") }
            entry.job.isPaused = false
            tell(&entry, "The job was resumed")
            keep(entry)
        }
        schedule()
        return job
    }

    /// Changes a job that has not ended. Errors: `jobNotFound`, `invalidRequest` for one that has, and those of `body`.
    private func change<Outcome: Sendable>(
        _ id: String, _ owner: FineTuningOwner, _ body: (inout Entry, State) throws(APIError) -> Outcome
    ) throws(APIError) -> (FineTuningJob, Outcome) {
        try state.withLock { state throws(APIError) in
            guard var entry = state.entries[id], owner.sees(entry.owner) else { throw Self.unknown(id) }
            guard !entry.job.status.isFinal else {
                throw APIError(.invalidRequest, "The job \(id) has ended: it is \(entry.job.status.rawValue).", param: "fine_tune_id")
            }
            let outcome = try body(&entry, state)
            state.entries[id] = entry
            return (shown(entry), outcome)
        }
    }
}

extension MetadataFilter {
    fileprivate func takes(_ job: FineTuningJob) -> Bool {
        switch self {
        case .none: job.request.metadata?.isEmpty ?? true
        case .having(let wanted): wanted.allSatisfy { job.request.metadata?[$0.key] == $0.value }
        }
    }
}
