internal import Adapters
internal import Dispatch
internal import Files
import Generation
import JSON
import OpenAIAPI
internal import Synchronization

/// The adapters that jobs make and go on from.
struct TuningLibrary: Sendable {
    /// Where adapters are written.
    var folder: String
    /// The folder of an adapter that is there, served or not; nil without one.
    /// Errors: the adapters folder cannot be read.
    var path: @Sendable (_ adapter: String) throws(APIError) -> String?
    /// Serves an adapter whose folder has just come. Blocks until it is served, or will not be.
    var publish: @Sendable (_ adapter: String) -> Void
}

/// Fine-tuning jobs: kept on disk, checked, given to the executor in the order of their arrival, and brought to an end.
///
/// A job that has not ended when the service ends goes on when the next one starts. Any thread but the loop: records are read and written
/// on the caller's thread, under the lock that guards them, so what is told of a job is on the disk.
final class JobBook: Sendable {
    struct Entry {
        var job: FineTuningJob
        var owner: String
        /// Of arrival.
        var sequence: Int
        /// nil: on the disk only.
        var log: JobLog?
        /// Where the estimate of the end counts from.
        var pace: (step: Int, seconds: Int)?
    }

    struct State {
        var entries: [String: Entry] = [:]
        var next = 0
        /// Jobs that the executor has.
        var given: Set<String> = []
        var isStopped = false
    }

    let folder: TuningFolder
    let limits: FineTuningLimits
    let files: FileShelf
    let library: TuningLibrary
    let executor: any TuningExecutor
    let clock: @Sendable () -> Int
    let state = Mutex(State())
    private let report: @Sendable (_ problem: String, _ why: String) -> Void
    private let checking = DispatchQueue(label: "lmoe.tuning.check", qos: .utility)
    let ending = DispatchQueue(label: "lmoe.tuning.end", qos: .utility)

    /// - Parameters:
    ///   - clock: Unix seconds.
    ///   - report: told of what a person should know and no client is told.
    init(
        _ folder: TuningFolder, limits: FineTuningLimits, files: FileShelf, library: TuningLibrary, executor: any TuningExecutor,
        clock: @escaping @Sendable () -> Int, report: @escaping @Sendable (_ problem: String, _ why: String) -> Void
    ) {
        self.folder = folder
        self.limits = limits
        self.files = files
        self.library = library
        self.executor = executor
        self.clock = clock
        self.report = report
    }

    // MARK: Start and end

    /// Reads the records, and goes on with jobs that have not ended. Returns the records that cannot be read. Errors: the folder cannot be
    /// read.
    func load() throws(FileError) -> [String] {
        var (found, problems) = try folder.records(.jobs, limit: limits.jobs + 1_000)
        for (id, record) in found {
            do {
                let job = try FineTuningJob(id, record["job"])
                let log = job.status.isFinal ? nil : try JobLog.read(folder: folder.place(.jobs, id), limits: limits)
                let entry = Entry(
                    job: job, owner: try record["owner"].string(), sequence: try record["sequence"].int(in: 0...(1 << 50)), log: log)
                state.withLock { state in
                    state.entries[id] = entry
                    state.next = max(state.next, entry.sequence + 1)
                }
            } catch {
                problems.append("\(folder.place(.jobs, id)): \(error)")
            }
        }
        goOn()
        return problems
    }

    private func goOn() {
        let unchecked = state.withLock { state in
            for (id, entry) in state.entries where entry.job.status == .running { state.entries[id]?.job.status = .queued }
            return state.entries.values.filter { $0.job.status == .validatingFiles }.sorted { $0.sequence < $1.sequence }.map(\.job.id)
        }
        for id in unchecked { check(id) }
        schedule()
    }

    /// Gives out no more jobs, and lets the running ones write checkpoints.
    func stop() async {
        state.withLock { $0.isStopped = true }
        await executor.stop()
    }

    // MARK: Creating

    /// Errors: `invalidRequest` that names the field, `quotaExceeded`, those of the system.
    func create(_ request: FineTuningRequest, owner: FineTuningOwner) throws -> FineTuningJob {
        let id = TuningFolder.newIdentity("ftjob-")
        let job = FineTuningJob(
            id: id, createdAt: clock(), request: request, seed: request.seed ?? Int.random(in: 0...Int(Int32.max)),
            adapter: request.suffix ?? "ft-\(id.dropFirst("ftjob-".count).prefix(12))", status: .validatingFiles)
        try checkName(job)
        for (field, file) in [("training_file", request.trainingFile), ("validation_file", request.validationFile)] {
            if let file { try checkFile(file, field, owner) }
        }
        _ = try order(job)
        try state.withLock { state in
            let unfinished = state.entries.values.filter { !$0.job.status.isFinal }
            guard unfinished.count < limits.unfinishedJobs else {
                throw APIError(.quotaExceeded, "\(limits.unfinishedJobs) jobs have not ended; wait, or cancel some.")
            }
            guard !unfinished.contains(where: { $0.job.adapter == job.adapter }) else {
                throw APIError(.invalidRequest, "`suffix`: another job makes the adapter `\(job.adapter)`", param: "suffix")
            }
            try forgetOldest(&state)
            var entry = Entry(
                job: job, owner: owner.text, sequence: state.next, log: JobLog(folder: folder.place(.jobs, id), limits: limits))
            try save(entry)
            state.next += 1
            tell(&entry, "Created fine-tuning job: \(id)")
            let other = request.validationFile.map { " and validation file: \($0)" } ?? ""
            tell(&entry, "Validating training file: \(request.trainingFile)\(other)")
            state.entries[id] = entry
        }
        check(id)
        return job
    }

    private func checkName(_ job: FineTuningJob) throws(APIError) {
        do throws(AdapterError) {
            try AdapterName.check(job.adapter)
        } catch {
            throw APIError(.invalidRequest, "`suffix`: \(error.message)", param: "suffix")
        }
        guard try library.path(job.adapter) == nil else {
            throw APIError(.invalidRequest, "`suffix`: there is an adapter `\(job.adapter)` already; choose another name", param: "suffix")
        }
    }

    private func checkFile(_ id: String, _ field: String, _ owner: FineTuningOwner) throws(APIError) {
        do throws(APIError) {
            let file = try files.file(id, for: owner)
            guard file.purpose == .fineTune else {
                throw APIError(.invalidRequest, "`\(field)`: \(id) has the purpose `\(file.purpose.rawValue)`; expected `fine-tune`", param: field)
            }
        } catch where error.code == .fileNotFound {
            throw APIError(.invalidRequest, "`\(field)`: no such File object: \(id)", param: field)
        }
    }

    /// With files and folders instead of identities. Errors: `invalidRequest`.
    func order(_ job: FineTuningJob) throws(APIError) -> TuningOrder {
        let all = FineTuningOwner(.anyone, isAdmin: true)
        func path(_ id: String, _ field: String) throws(APIError) -> String {
            do throws(APIError) {
                return files.path(of: try files.file(id, for: all))
            } catch {
                throw APIError(.invalidRequest, "`\(field)`: \(error.message)", param: field)
            }
        }
        let start = try job.request.start.map { (name) throws(APIError) in
            guard let path = try library.path(name) else {
                throw APIError(.invalidRequest, "`model`: the adapter `\(name)` is not there any more", param: "model")
            }
            return path
        }
        return try TuningOrder(
            job,
            .init(
                training: try path(job.request.trainingFile, "training_file"),
                validation: try job.request.validationFile.map { (id) throws(APIError) in try path(id, "validation_file") },
                start: start, adapters: library.folder))
    }

    /// Makes room for one more record.
    private func forgetOldest(_ state: inout State) throws {
        guard state.entries.count >= limits.jobs else { return }
        let ended = state.entries.values.filter { $0.job.status.isFinal }
        guard let oldest = ended.min(by: { $0.sequence < $1.sequence }) else {
            throw APIError(.quotaExceeded, "The server keeps \(limits.jobs) jobs at most, and none of them has ended.")
        }
        for file in oldest.job.resultFiles { try files.delete(file) }
        try folder.delete(.jobs, oldest.job.id)
        state.entries[oldest.job.id] = nil
    }

    // MARK: Records

    func save(_ entry: Entry) throws(FileError) {
        try folder.save(
            ["owner": .string(entry.owner), "sequence": .integer(Int64(entry.sequence)), "job": .object(entry.job.record)], .jobs,
            entry.job.id)
    }

    /// As `save`, for what has happened already: the log has the reason, and the job goes on.
    func keep(_ entry: Entry) {
        attempt("the record of the job \(entry.job.id) cannot be written") { () throws(FileError) in try save(entry) }
    }

    func tell(
        _ entry: inout Entry, _ message: String, level: FineTuningEvent.Level = .info, isLast: Bool = false
    ) {
        let event = FineTuningEvent(id: TuningFolder.newIdentity("ftevent-"), createdAt: clock(), level: level, message: message)
        change(&entry) { (log) throws(FileError) in try log.note(event, isLast: isLast) }
    }

    func change(_ entry: inout Entry, _ body: (inout JobLog) throws(FileError) -> Void) {
        let id = entry.job.id
        attempt("the events of the job \(id) cannot be written") {
            var log: JobLog
            if let kept = entry.log { log = kept } else { log = try JobLog.read(folder: folder.place(.jobs, id), limits: limits) }
            defer { entry.log = log }
            try body(&log)
        }
    }

    func attempt(_ problem: String, _ body: () throws -> Void) {
        do {
            try body()
        } catch {
            report(problem, "\(error)")
        }
    }

    // MARK: Data and order

    /// Reads the data behind those of earlier jobs.
    private func check(_ id: String) {
        checking.async { [self] in
            guard let job = state.withLock({ $0.isStopped ? nil : $0.entries[id]?.job }), job.status == .validatingFiles else { return }
            checked(id, Result { () throws(FineTuningJob.Failure) in try summary(of: job) })
        }
    }

    private func summary(of job: FineTuningJob) throws(FineTuningJob.Failure) -> TuningDataSummary {
        let order: TuningOrder
        do throws(APIError) {
            order = try self.order(job)
        } catch {
            throw .init(code: "invalid_request", message: error.message, param: error.param)
        }
        return try executor.check(order)
    }

    private func checked(_ id: String, _ outcome: Result<TuningDataSummary, FineTuningJob.Failure>) {
        state.withLock { state in
            guard var entry = state.entries[id], entry.job.status == .validatingFiles else { return }
            switch outcome {
            case .success(let summary):
                for warning in summary.warnings.prefix(16) { tell(&entry, warning, level: .warn) }
                let held = summary.heldOutExamples > 0 ? ", \(summary.heldOutExamples) held out" : ""
                tell(&entry, "Files validated: \(summary.examples) examples of \(summary.tokens) tokens\(held). Moving job to queued state")
                entry.job.status = .queued
                keep(entry)
            case .failure(let failure):
                end(&entry, .failed) { $0.failure = failure }
            }
            state.entries[id] = entry
        }
        schedule()
    }

    /// Gives waiting jobs to the executor, the oldest first.
    func schedule() {
        while true {
            let next = state.withLock { state -> FineTuningJob? in
                guard !state.isStopped, state.given.count < limits.runningJobs else { return nil }
                let waiting = state.entries.values.filter {
                    $0.job.status == .queued && !$0.job.isPaused && !state.given.contains($0.job.id)
                }
                guard let job = waiting.min(by: { $0.sequence < $1.sequence })?.job else { return nil }
                state.given.insert(job.id)
                state.entries[job.id]?.job.status = .running
                if let entry = state.entries[job.id] { keep(entry) }
                return job
            }
            guard let job = next else { return }
            do {
                executor.start(try order(job)) { [self] progress in note(progress, of: job.id) }
            } catch {
                note(.failed(.init(code: "invalid_request", message: error.message, param: error.param)), of: job.id)
            }
        }
    }
}
