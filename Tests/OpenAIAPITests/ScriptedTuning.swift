import Generation
import JSON
import Synchronization

@testable import OpenAIAPI

/// Files and jobs in memory, and what was asked.
final class ScriptedTuning: FineTuningService {
    let limits: FineTuningLimits
    let files = Mutex<[(file: FineTuningFile, content: [UInt8])]>([])
    let jobs = Mutex<[FineTuningJob]>([])
    /// Calls with their owner.
    let calls = Mutex<[String]>([])
    let owners = Mutex<[FineTuningOwner]>([])

    init(limits: FineTuningLimits = FineTuningLimits()) { self.limits = limits }

    private func note(_ call: String, _ owner: FineTuningOwner) {
        calls.withLock { $0.append(call) }
        owners.withLock { $0.append(owner) }
    }

    func add(_ upload: FileUpload, owner: FineTuningOwner) async throws -> FineTuningFile {
        note("add \(upload.name)", owner)
        return files.withLock { files in
            let file = FineTuningFile(
                id: "file-\(files.count)", bytes: upload.content.count, createdAt: 7, name: upload.name, purpose: .fineTune,
                expiresAt: upload.expiresAfterSeconds.map { 7 + $0 })
            files.append((file, Array(upload.content)))
            return file
        }
    }

    func files(_ query: FileQuery, owner: FineTuningOwner) async throws -> FineTuningPage<FineTuningFile> {
        note("files \(query.place.limit) \(query.place.after ?? "-") \(query.purpose ?? "-") \(query.isAscending)", owner)
        return FineTuningPage(files.withLock { $0.map(\.file) }, hasMore: true)
    }

    private func found(_ id: String) throws(APIError) -> (file: FineTuningFile, content: [UInt8]) {
        guard let found = files.withLock({ files in files.first { $0.file.id == id } }) else {
            throw APIError(.fileNotFound, "No such File object: \(id)", param: "id")
        }
        return found
    }

    func file(_ id: String, owner: FineTuningOwner) async throws -> FineTuningFile { try found(id).file }

    func content(of id: String, from offset: Int, count: Int, owner: FineTuningOwner) async throws -> [UInt8] {
        Array(try found(id).content.dropFirst(offset).prefix(count))
    }

    func deleteFile(_ id: String, owner: FineTuningOwner) async throws {
        _ = try found(id)
        note("delete \(id)", owner)
    }

    func create(_ request: FineTuningRequest, owner: FineTuningOwner) async throws -> FineTuningJob {
        note("create \(request.trainingFile)", owner)
        return jobs.withLock { jobs in
            let job = FineTuningJob(
                id: "ftjob-\(jobs.count)", createdAt: 8, request: request, seed: request.seed ?? 11, adapter: request.suffix ?? "ft-1",
                status: .validatingFiles)
            jobs.append(job)
            return job
        }
    }

    func jobs(_ place: ListPlace, where filter: MetadataFilter, owner: FineTuningOwner) async throws -> FineTuningPage<FineTuningJob> {
        note("jobs \(place.limit) \(place.after ?? "-") \(filter)", owner)
        return FineTuningPage(jobs.withLock { $0 }, hasMore: false)
    }

    func job(_ id: String, owner: FineTuningOwner) async throws -> FineTuningJob {
        guard let job = jobs.withLock({ jobs in jobs.first { $0.id == id } }) else {
            throw APIError(.jobNotFound, "Could not find fine tune: \(id)", param: "fine_tune_id")
        }
        return job
    }

    func events(of job: String, _ place: ListPlace, owner: FineTuningOwner) async throws -> FineTuningPage<FineTuningEvent> {
        note("events \(job) \(place.limit)", owner)
        return FineTuningPage(
            [
                FineTuningEvent(id: "ftevent-2", createdAt: 9, message: "Step 1/2: training loss=0.5", kind: .metrics, data: ["step": 1]),
                FineTuningEvent(id: "ftevent-1", createdAt: 8, level: .warn, message: "2 rows are cut"),
            ], hasMore: false)
    }

    func checkpoints(
        of job: String, _ place: ListPlace, owner: FineTuningOwner
    ) async throws -> (adapter: String, page: FineTuningPage<FineTuningCheckpoint>) {
        note("checkpoints \(job) \(place.limit)", owner)
        return ("sql", FineTuningPage([FineTuningCheckpoint(id: "ftckpt_1", createdAt: 9, step: 100, trainingLoss: 0.5)], hasMore: false))
    }

    func cancel(_ job: String, owner: FineTuningOwner) async throws -> FineTuningJob { try await change(job, owner, .cancelled) }
    func pause(_ job: String, owner: FineTuningOwner) async throws -> FineTuningJob { try await change(job, owner, .queued, isPaused: true) }
    func resume(_ job: String, owner: FineTuningOwner) async throws -> FineTuningJob { try await change(job, owner, .queued) }

    private func change(
        _ id: String, _ owner: FineTuningOwner, _ status: FineTuningJob.Status, isPaused: Bool = false
    ) async throws -> FineTuningJob {
        var job = try await job(id, owner: owner)
        note("\(status.rawValue) \(id)", owner)
        (job.status, job.isPaused) = (status, isPaused)
        return job
    }
}
