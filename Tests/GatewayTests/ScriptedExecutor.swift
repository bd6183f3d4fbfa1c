import Generation
import Logging
import OpenAIAPI
import Serving
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Gateway

/// Computes nothing: a test says what it tells.
final class ScriptedExecutor: TuningExecutor {
    typealias Tell = @Sendable (TuningProgress) -> Void

    /// What the check of data says.
    let outcome = Mutex<Result<TuningDataSummary, FineTuningJob.Failure>>(.success(.init(examples: 3, tokens: 30)))
    private let started = Mutex<[(order: TuningOrder, tell: Tell)]>([])
    let calls = Mutex<[String]>([])

    var orders: [TuningOrder] { started.withLock { $0.map(\.order) } }

    /// To the last start of a job.
    func tell(_ job: String, _ progress: TuningProgress...) {
        guard let tell = started.withLock({ started in started.last { $0.order.job == job }?.tell }) else { return }
        for progress in progress { tell(progress) }
    }

    func check(_ order: TuningOrder) throws(FineTuningJob.Failure) -> TuningDataSummary { try outcome.withLock { $0 }.get() }
    func start(_ order: TuningOrder, tell: @escaping Tell) { started.withLock { $0.append((order, tell)) } }
    func suspend(_ job: String) { calls.withLock { $0.append("suspend \(job)") } }
    func cancel(_ job: String) { calls.withLock { $0.append("cancel \(job)") } }
    func discard(_ order: TuningOrder) { calls.withLock { $0.append("discard \(order.job)") } }
    func stop() async { calls.withLock { $0.append("stop") } }
}

/// A desk over a temporary folder.
struct TuningSite {
    let folder: TemporaryFolder
    let executor = ScriptedExecutor()
    let log = MemoryLogSink()
    let published = Box<[String]>([])
    let time = Box(1_000)
    let desk: TuningDesk

    final class Box<Value: Sendable>: Sendable {
        private let guarded: Mutex<Value>
        init(_ value: Value) { guarded = Mutex(value) }
        var value: Value {
            get { guarded.withLock { $0 } }
            set { guarded.withLock { $0 = newValue } }
        }
    }

    static let admin = FineTuningOwner(.anyone, isAdmin: true)
    static func user(_ name: String) -> FineTuningOwner { FineTuningOwner(.name(name), isAdmin: false) }

    init(_ folder: TemporaryFolder? = nil, limits: FineTuningLimits = .init(), adapters: [String] = []) throws {
        let folder = try folder ?? TemporaryFolder()
        self.folder = folder
        let (published, time) = (published, time)
        desk = try TuningDesk(
            folder.place("tuning"), limits: limits,
            library: TuningLibrary(
                folder: folder.place("adapters"), path: { adapters.contains($0) ? "/adapters/\($0)" : nil },
                publish: { published.value += [$0] }),
            executor: executor, queue: WorkQueue("test", capacity: 64, purpose: "to be tuned"), logger: Logger(sink: log), clock: { time.value })
    }

    func upload(_ name: String = "a.jsonl", _ text: String = "{}\n", owner: FineTuningOwner = admin, expires: Int? = nil) async throws -> FineTuningFile {
        try await desk.add(FileUpload(name: name, content: Array(text.utf8)[...], expiresAfterSeconds: expires), owner: owner)
    }

    func create(
        _ suffix: String? = nil, file: String? = nil, owner: FineTuningOwner = admin, _ change: (inout FineTuningRequest) -> Void = { _ in }
    ) async throws -> FineTuningJob {
        var training = file ?? ""
        if file == nil { training = try await upload(owner: owner).id }
        var request = FineTuningRequest(model: "base", trainingFile: training, suffix: suffix)
        change(&request)
        return try await desk.create(request, owner: owner)
    }

    func job(_ id: String) async throws -> FineTuningJob { try await desk.job(id, owner: Self.admin) }

    func until(_ id: String, _ what: @Sendable (FineTuningJob) -> Bool) async throws {
        try await eventually("the job changes") { what(try await job(id)) }
    }

    /// Until the executor has the job for the n-th time.
    func untilStarted(_ id: String, times: Int = 1) async throws {
        try await eventually("the job starts") { executor.orders.filter { $0.job == id }.count == times }
    }

    func messages(_ id: String) async throws -> [String] {
        try await desk.events(of: id, ListPlace(limit: 100), owner: Self.admin).elements.map(\.message)
    }
}

extension TuningProgress {
    static func step(_ step: Int, of total: Int, loss: Double) -> TuningProgress {
        .step(.init(step: step, totalSteps: total, epoch: 0, loss: loss, learningRate: 0.5, gradientNorm: 1, tokens: 10, accuracy: nil))
    }
}
