import Generation
import JSON
import OpenAIAPI
import TestSupport
import Testing

@testable import Gateway

@Suite struct TuningDeskTests {
    private func code(_ body: () async throws -> Void) async throws -> (code: APIError.Code, param: String?)? {
        do {
            try await body()
        } catch let error as APIError {
            return (error.code, error.param)
        }
        return nil
    }

    @Test func aJobGoesFromItsFileToAnAdapterThatIsServedBeforeItSucceeds() async throws {
        let site = try TuningSite()
        let job = try await site.create("sql") { $0.metadata = ["team": "a"] }
        #expect(job.status == .validatingFiles && job.adapter == "sql")
        try await site.untilStarted(job.id)
        let order = try #require(site.executor.orders.first)
        #expect(order.folder == site.folder.place("adapters/sql") && order.plan.name == "sql" && !order.isBegun)
        #expect(order.plan.data.hasSuffix("/content/a.jsonl"))
        #expect(order.plan.texts.text(.seed) == String(job.seed) && order.plan.texts.text(.objective) == "sft")
        site.executor.tell(
            job.id, .started(step: 0, totalSteps: 2), .checkpoint(step: 0), .step(1, of: 2, loss: 2.5), .checkpoint(step: 1), .step(2, of: 2, loss: 1.25),
            .evaluated(step: 2, loss: 1.5, isBest: true))
        let running = try await site.job(job.id)
        #expect(running.status == .running && running.step == 2 && running.totalSteps == 2)
        site.executor.tell(
            job.id, .succeeded(.init(steps: 2, trainedTokens: 20, heldOutLoss: 1.5, baseHeldOutLoss: 3, bestStep: 2)))
        try await site.until(job.id) { $0.status == .succeeded }
        #expect(site.published.value == ["sql"])
        let done = try await site.job(job.id)
        #expect(done.trainedTokens == 20 && done.finishedAt == 1_000 && done.resultFiles.count == 1 && done.failure == nil)
        let results = try await site.desk.content(of: done.resultFiles[0], from: 0, count: 1_000, owner: TuningSite.admin)
        let expected = """
            step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy,learning_rate,tokens
            1,2.5,,,,0.5,10
            2,1.25,,1.5,,0.5,10

            """
        #expect(String(decoding: results, as: UTF8.self) == expected)
        #expect(
            try await site.messages(job.id) == [
                "The job has successfully completed", "New fine-tuned model created: sql",
                "The lowest held-out loss is 1.5, after step 2; the base has 3.0", "Step 2/2: full validation loss=1.5",
                "Step 2/2: training loss=1.25", "Step 1/2: training loss=2.5", "Fine-tuning job started",
                "Files validated: 3 examples of 30 tokens. Moving job to queued state",
                "Validating training file: \(job.request.trainingFile)", "Created fine-tuning job: \(job.id)",
            ])
        let checkpoints = try await site.desk.checkpoints(of: job.id, ListPlace(limit: 10), owner: TuningSite.admin)
        #expect(checkpoints.page.elements.map(\.step) == [2, 1] && checkpoints.page.elements.map(\.isResult) == [true, false])
        #expect(checkpoints.page.elements[0].heldOutLoss == 1.5 && checkpoints.page.elements[1].trainingLoss == 2.5)
    }

    @Test func dataThatCannotBeUsedFailTheJobAndNameTheLine() async throws {
        let site = try TuningSite()
        let failure = FineTuningJob.Failure(code: "invalid_training_file", message: "line 3: prompt: missing", param: "training_file")
        site.executor.outcome.withLock { $0 = .failure(failure) }
        let job = try await site.create()
        #expect(job.adapter.hasPrefix("ft-"))
        try await site.until(job.id) { $0.status == .failed }
        #expect(try await site.job(job.id).failure == failure)
        #expect(try await site.messages(job.id).first == "The job failed: line 3: prompt: missing")
        #expect(site.executor.orders.isEmpty)
    }

    @Test func settingsAreCheckedWhenTheJobIsCreated() async throws {
        let site = try TuningSite(adapters: ["taken"])
        let file = try await site.upload()
        func param(_ change: (inout FineTuningRequest) -> Void) async throws -> String? {
            try await code { _ = try await site.create(file: file.id, change) }?.param
        }
        for (settings, place) in [
            ([("rank", "0")], "lmoe.rank"), ([("colour", "red")], "lmoe.colour"), ([("data", "/etc/passwd")], "lmoe.data"),
            ([("out", "/tmp/x")], "lmoe.out"), ([("from", "/tmp/x")], "lmoe.from"), ([("held_out", "x")], "lmoe.held_out"),
            ([("output_dir", "/tmp/x")], "lmoe.output_dir"), ([("rank", "4"), ("lora_r", "8")], "lmoe.lora_r"),
            ([("objective", "orpo")], "lmoe.objective"), ([("family", "ia3"), ("rank", "3")], "lmoe.rank"),
        ] {
            #expect(try await param { $0.settings = settings.map { .init($0.0, $0.1) } } == place)
        }
        #expect(try await param { $0.suffix = "taken" } == "suffix")
        #expect(try await param { $0.suffix = "../x" } == "suffix")
        #expect(try await param { $0.suffix = "base" } == "suffix")
        #expect(try await param { $0.trainingFile = "file-0" } == "training_file")
        #expect(try await param { $0.validationFile = "file-0" } == "validation_file")
        #expect(try await param { $0.start = "gone" } == "model")
        #expect(try await param { ($0.seed, $0.settings) = (1, [.init("seed", "2")]) } == "lmoe.seed")
        #expect(try await param { ($0.hyperparameters.epochs, $0.settings) = (1, [.init("epochs", "2")]) } == "lmoe.epochs")
    }

    @Test func hyperparametersBecomeSettings() async throws {
        let site = try TuningSite(adapters: ["old"])
        let job = try await site.create { request in
            request.method = .dpo
            request.hyperparameters = .init(batchSize: 4, learningRateMultiplier: 2, epochs: 5, beta: 0.25)
            request.start = "old"
            request.settings = [.init("max_tokens", "64")]
        }
        try await site.untilStarted(job.id)
        let texts = try #require(site.executor.orders.first).plan.texts
        #expect(texts.text(.batch) == "4" && texts.text(.epochs) == "5" && texts.text(.beta) == "0.25" && texts.text(.maxTokens) == "64")
        #expect(texts.text(.rate).flatMap(Double.init) == 1e-4 && texts.text(.objective) == "dpo" && texts.text(.start) == "/adapters/old")
    }

    @Test func whatOneKeyOwnsIsAbsentForOthers() async throws {
        let site = try TuningSite()
        let (a, b) = (TuningSite.user("a"), TuningSite.user("b"))
        let file = try await site.upload(owner: a)
        let job = try await site.create(file: file.id, owner: a)
        #expect(try await code { _ = try await site.desk.file(file.id, owner: b) }?.code == .fileNotFound)
        #expect(try await code { try await site.desk.deleteFile(file.id, owner: b) }?.code == .fileNotFound)
        #expect(try await code { _ = try await site.desk.content(of: file.id, from: 0, count: 1, owner: b) }?.code == .fileNotFound)
        #expect(try await code { _ = try await site.create(file: file.id, owner: b) }?.param == "training_file")
        #expect(try await code { _ = try await site.desk.job(job.id, owner: b) }?.code == .jobNotFound)
        #expect(try await code { _ = try await site.desk.cancel(job.id, owner: b) }?.code == .jobNotFound)
        #expect(try await code { _ = try await site.desk.events(of: job.id, ListPlace(limit: 1), owner: b) }?.code == .jobNotFound)
        let query = FileQuery(place: ListPlace(limit: 10))
        #expect(try await site.desk.files(query, owner: b).elements.isEmpty)
        #expect(try await site.desk.jobs(ListPlace(limit: 10), where: .having([:]), owner: b).elements.isEmpty)
        #expect(try await site.desk.files(query, owner: FineTuningOwner(.name("boss"), isAdmin: true)).elements == [file])
        #expect(try await site.desk.job(job.id, owner: a).id == job.id)
        let key = FineTuningOwner(.key(Array("secret".utf8)), isAdmin: false)
        let own = try await site.upload(owner: key)
        #expect(try await site.desk.file(own.id, owner: key) == own)
        let record = try site.folder.text("tuning/files/\(own.id)/record.json")
        #expect(record.contains("\"owner\":\"key:") && !record.contains("secret"))
    }

    @Test func asManyJobsRunAsTheLimitAllowsInTheOrderOfTheirArrival() async throws {
        var limits = FineTuningLimits()
        (limits.runningJobs, limits.unfinishedJobs) = (1, 2)
        let site = try TuningSite(limits: limits)
        let first = try await site.create("one")
        try await site.untilStarted(first.id)
        #expect(try await code { _ = try await site.create("one") }?.param == "suffix")
        let second = try await site.create("two")
        try await site.until(second.id) { $0.status == .queued }
        #expect(try await code { _ = try await site.create("three") }?.code == .quotaExceeded)
        #expect(try await site.desk.cancel(first.id, owner: TuningSite.admin).status == .cancelled)
        #expect(site.executor.calls.withLock { $0 } == ["cancel \(first.id)"])
        #expect(site.executor.orders.count == 1)
        site.executor.tell(first.id, .cancelled)
        try await site.untilStarted(second.id)
        #expect(site.executor.calls.withLock { $0.last } == "discard \(first.id)")
        #expect(try await code { _ = try await site.desk.cancel(first.id, owner: TuningSite.admin) }?.code == .invalidRequest)
    }

    @Test func aPausedJobLetsAnotherRunAndGoesOnWhenItIsResumed() async throws {
        var limits = FineTuningLimits()
        limits.runningJobs = 1
        let site = try TuningSite(limits: limits)
        let job = try await site.create("one")
        try await site.untilStarted(job.id)
        site.executor.tell(job.id, .started(step: 0, totalSteps: 9), .step(1, of: 9, loss: 2))
        let paused = try await site.desk.pause(job.id, owner: TuningSite.admin)
        #expect(paused.status == .queued && paused.isPaused && paused.estimatedFinish == nil)
        #expect(site.executor.calls.withLock { $0 } == ["suspend \(job.id)"])
        site.executor.tell(job.id, .checkpoint(step: 1), .suspended(step: 1))
        let other = try await site.create("two")
        try await site.untilStarted(other.id)
        #expect(try await code { _ = try await site.desk.resume(other.id, owner: TuningSite.admin) }?.code == .invalidRequest)
        #expect(try await site.desk.resume(job.id, owner: TuningSite.admin).isPaused == false)
        site.executor.tell(other.id, .failed(.init(code: "diverged", message: "the loss stayed too high")))
        try await site.untilStarted(job.id, times: 2)
        #expect(site.executor.orders.last?.isBegun == true)
        site.executor.tell(job.id, .started(step: 1, totalSteps: 9))
        #expect(try await site.messages(job.id).first == "Fine-tuning job goes on after step 1 of 9")
    }

    @Test func recordsSurviveARestartAndUnfinishedJobsGoOn() async throws {
        let folder = try TemporaryFolder()
        var limits = FineTuningLimits()
        limits.runningJobs = 2
        let before = try TuningSite(folder, limits: limits)
        let file = try await before.upload("train.csv", "prompt,completion\n")
        let done = try await before.create("done", file: file.id)
        let running = try await before.create("running", file: file.id) { request in
            request.method = .dpo
            request.hyperparameters = .init(batchSize: 3, learningRateMultiplier: 0.5, epochs: 2, beta: 0.5)
            (request.metadata, request.seed, request.settings) = (["k": "v"], 5, [.init("rank", "4")])
        }
        let waiting = try await before.create("waiting", file: file.id)
        try await before.untilStarted(running.id)
        before.executor.tell(done.id, .succeeded(.init(steps: 1, trainedTokens: 1)))
        try await before.until(done.id) { $0.status == .succeeded }
        try await before.untilStarted(waiting.id)
        before.executor.tell(running.id, .started(step: 0, totalSteps: 4), .step(1, of: 4, loss: 9), .step(2, of: 4, loss: 8))
        _ = try await before.desk.pause(waiting.id, owner: TuningSite.admin)
        await before.desk.stop()
        #expect(before.executor.calls.withLock { $0.last } == "stop")
        // A power cut: a torn line, an upload without a record, a record that is no JSON.
        let events = "tuning/jobs/\(running.id)/events.jsonl"
        try folder.write(try folder.read(events) + Array("{\"event\":\"ftev".utf8), to: events)
        try folder.write("rest", to: "tuning/files/file-000000000000000000000000/content/a.jsonl")
        try folder.write("{", to: "tuning/jobs/ftjob-000000000000000000000000/record.json")

        let after = try TuningSite(folder, limits: limits)
        #expect(!folder.exists("tuning/files/file-000000000000000000000000"))
        #expect(after.log.lines.filter { $0.contains("cannot be read") }.count == 1)
        #expect(try await after.desk.file(file.id, owner: TuningSite.admin) == file)
        #expect(try await after.job(done.id).status == .succeeded)
        try await after.untilStarted(running.id)
        let order = try #require(after.executor.orders.first)
        #expect(after.executor.orders.count == 1 && order.isBegun && order.plan.data.hasSuffix("/content/train.csv"))
        #expect(order.plan.texts.text(.rank) == "4" && order.plan.texts.text(.seed) == "5" && order.plan.texts.text(.beta) == "0.5")
        let again = try await after.job(running.id)
        #expect(again.request == running.request && again.status == .running && after.executor.orders[0].plan == before.executor.orders.first { $0.job == running.id }?.plan)
        after.executor.tell(running.id, .started(step: 1, totalSteps: 4), .step(2, of: 4, loss: 7))
        #expect(try await after.messages(running.id).prefix(3) == [
            "Step 2/4: training loss=7.0", "Fine-tuning job goes on after step 1 of 4", "Step 2/4: training loss=8.0",
        ])
        let list = try await after.desk.jobs(ListPlace(limit: 2), where: .having([:]), owner: TuningSite.admin)
        #expect(list.elements.map(\.id) == [waiting.id, running.id] && list.hasMore)
        #expect(try await after.desk.jobs(ListPlace(after: running.id, limit: 2), where: .having([:]), owner: TuningSite.admin).elements.map(\.id) == [done.id])
        #expect(try await after.desk.jobs(ListPlace(limit: 9), where: .having(["k": "v"]), owner: TuningSite.admin).elements.map(\.id) == [running.id])
        #expect(try await after.desk.jobs(ListPlace(limit: 9), where: .none, owner: TuningSite.admin).elements.count == 2)
        #expect(try await after.job(waiting.id).isPaused)
        // The last time that a step was computed counts.
        after.executor.tell(running.id, .succeeded(.init(steps: 4, trainedTokens: nil)))
        try await after.until(running.id) { $0.status == .succeeded }
        let results = try await after.desk.content(of: after.job(running.id).resultFiles[0], from: 0, count: 999, owner: TuningSite.admin)
        #expect(String(decoding: results, as: UTF8.self).hasSuffix("\n1,9.0,,,,0.5,10\n2,7.0,,,,0.5,10\n"))
    }

    @Test func filesAreBoundedAndKeptWhileAJobReadsThem() async throws {
        var limits = FineTuningLimits()
        (limits.files, limits.allFilesBytes) = (2, 100)
        let site = try TuningSite(limits: limits)
        let first = try await site.upload("a.jsonl", String(repeating: "a", count: 60))
        #expect(try await code { _ = try await site.upload("b.jsonl", String(repeating: "a", count: 41)) }?.code == .quotaExceeded)
        _ = try await site.upload("b.jsonl", String(repeating: "a", count: 40))
        #expect(try await code { _ = try await site.upload("c.jsonl", "") }?.code == .quotaExceeded)
        let job = try await site.create(file: first.id)
        #expect(try await code { try await site.desk.deleteFile(first.id, owner: TuningSite.admin) }?.code == .invalidRequest)
        try await site.untilStarted(job.id)
        site.executor.tell(job.id, .failed(.init(code: "x", message: "x")))
        try await site.desk.deleteFile(first.id, owner: TuningSite.admin)
        #expect(!site.folder.exists("tuning/files/\(first.id)"))
        #expect(try await code { _ = try await site.desk.file(first.id, owner: TuningSite.admin) }?.code == .fileNotFound)
    }

    @Test func aFileIsDeletedWhenItsTimeIsOver() async throws {
        let site = try TuningSite()
        let file = try await site.upload(expires: 3_600)
        #expect(file.expiresAt == 4_600)
        site.time.value = 4_599
        #expect(try await site.desk.file(file.id, owner: TuningSite.admin) == file)
        site.time.value = 4_600
        #expect(try await code { _ = try await site.desk.file(file.id, owner: TuningSite.admin) }?.code == .fileNotFound)
        #expect(!site.folder.exists("tuning/files/\(file.id)"))
    }

    @Test func theOldestJobThatHasEndedGivesWayToANewOne() async throws {
        var limits = FineTuningLimits()
        limits.jobs = 2
        let site = try TuningSite(limits: limits)
        let first = try await site.create()
        try await site.untilStarted(first.id)
        site.executor.tell(first.id, .succeeded(.init(steps: 1, trainedTokens: 1)))
        try await site.until(first.id) { $0.status == .succeeded }
        let results = try await site.job(first.id).resultFiles[0]
        _ = try await site.create()
        _ = try await site.create()
        #expect(try await code { _ = try await site.job(first.id) }?.code == .jobNotFound)
        #expect(!site.folder.exists("tuning/jobs/\(first.id)") && !site.folder.exists("tuning/files/\(results)"))
        #expect(try await code { _ = try await site.create() }?.code == .quotaExceeded)
    }

    @Test func aLongRunHasFewEventsOfItsSteps() async throws {
        var limits = FineTuningLimits()
        (limits.stepEvents, limits.events, limits.resultRows, limits.checkpoints) = (10, 100, 50, 3)
        let site = try TuningSite(limits: limits)
        let job = try await site.create()
        try await site.untilStarted(job.id)
        site.executor.tell(job.id, .started(step: 0, totalSteps: 1_000))
        for step in 1...1_000 {
            site.executor.tell(job.id, .step(step, of: 1_000, loss: 1))
            if step % 100 == 0 { site.executor.tell(job.id, .checkpoint(step: step)) }
        }
        let events = try await site.desk.events(of: job.id, ListPlace(limit: 1_000), owner: TuningSite.admin).elements
        #expect(events.filter { $0.kind == .metrics }.map { $0.data["step"]?.intValue } == (1...10).reversed().map { $0 * 100 })
        #expect(try await site.desk.checkpoints(of: job.id, ListPlace(limit: 9), owner: TuningSite.admin).page.elements.map(\.step) == [1_000, 900, 800])
        site.executor.tell(job.id, .succeeded(.init(steps: 1_000, trainedTokens: 1)))
        try await site.until(job.id) { $0.status == .succeeded }
        let results = try await site.desk.content(of: site.job(job.id).resultFiles[0], from: 0, count: 1 << 20, owner: TuningSite.admin)
        #expect(results.count(where: { $0 == 0x0A }) == 51)
    }
}
