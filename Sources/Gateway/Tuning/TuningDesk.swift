internal import Files
import Generation
internal import Logging
import OpenAIAPI
import Serving

/// Files and fine-tuning jobs over HTTP: one request at a time, off the loop.
struct TuningDesk: FineTuningService {
    let limits: FineTuningLimits
    let files: FileShelf
    let book: JobBook
    let queue: WorkQueue

    /// Opens the folder and goes on with jobs that have not ended. Errors: the folder cannot be made or read.
    init(
        _ path: String, limits: FineTuningLimits, library: TuningLibrary, executor: any TuningExecutor, queue: WorkQueue, logger: Logger,
        clock: @escaping @Sendable () -> Int = UnixClock.seconds
    ) throws(FileError) {
        let folder = try TuningFolder(path)
        self.limits = limits
        self.queue = queue
        files = FileShelf(folder, limits: limits, clock: clock)
        book = JobBook(folder, limits: limits, files: files, library: library, executor: executor, clock: clock) { problem, why in
            logger.error("\(problem)", metadata: ["why": .string(why)])
        }
        for problem in try files.load() + book.load() {
            logger.warning("a record of a file or a fine-tuning job cannot be read; it is left out", metadata: ["why": .string(problem)])
        }
    }

    /// Running jobs write checkpoints, from which the next service goes on.
    func stop() async { await book.stop() }

    // MARK: Files

    func add(_ upload: FileUpload, owner: FineTuningOwner) async throws -> FineTuningFile {
        try await run { try files.add(upload, owner: owner.text) }
    }

    func files(_ query: FileQuery, owner: FineTuningOwner) async throws -> FineTuningPage<FineTuningFile> {
        try await run { try files.list(query, for: owner) }
    }

    func file(_ id: String, owner: FineTuningOwner) async throws -> FineTuningFile {
        try await run { try files.file(id, for: owner) }
    }

    func content(of id: String, from offset: Int, count: Int, owner: FineTuningOwner) async throws -> [UInt8] {
        try await run { try files.content(files.file(id, for: owner), from: offset, count: count) }
    }

    func deleteFile(_ id: String, owner: FineTuningOwner) async throws {
        try await run {
            _ = try files.file(id, for: owner)
            if let job = book.uses(id) {
                throw APIError(.invalidRequest, "The job \(job), which has not ended, reads the file \(id); cancel the job first.", param: "id")
            }
            try files.delete(id)
        }
    }

    // MARK: Jobs

    func create(_ request: FineTuningRequest, owner: FineTuningOwner) async throws -> FineTuningJob {
        try await run { try book.create(request, owner: owner) }
    }

    func jobs(_ place: ListPlace, where filter: MetadataFilter, owner: FineTuningOwner) async throws -> FineTuningPage<FineTuningJob> {
        try await run { try book.list(place, where: filter, for: owner) }
    }

    func job(_ id: String, owner: FineTuningOwner) async throws -> FineTuningJob {
        try await run { try book.job(id, for: owner) }
    }

    func events(of job: String, _ place: ListPlace, owner: FineTuningOwner) async throws -> FineTuningPage<FineTuningEvent> {
        try await run { try book.events(of: job, place, for: owner) }
    }

    func checkpoints(
        of job: String, _ place: ListPlace, owner: FineTuningOwner
    ) async throws -> (adapter: String, page: FineTuningPage<FineTuningCheckpoint>) {
        try await run { try book.checkpoints(of: job, place, for: owner) }
    }

    func cancel(_ job: String, owner: FineTuningOwner) async throws -> FineTuningJob {
        try await run { try book.cancel(job, for: owner) }
    }

    func pause(_ job: String, owner: FineTuningOwner) async throws -> FineTuningJob {
        try await run { try book.pause(job, for: owner) }
    }

    func resume(_ job: String, owner: FineTuningOwner) async throws -> FineTuningJob {
        try await run { try book.resume(job, for: owner) }
    }

    /// Files whose time is over are deleted before anybody looks, unless a job reads them.
    private func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await queue.run {
            for id in files.expired where book.uses(id) == nil { try files.delete(id) }
            return try body()
        }
    }
}
