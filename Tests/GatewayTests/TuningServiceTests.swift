import Foundation
import JSON
import Logging
import Telemetry
import TestSupport
import Testing

@testable import Gateway

/// Jobs that are really computed, on a tiny base, over sockets.
@Suite struct TuningServiceTests {
    /// A service that tunes. Each on a port of its own; the folders are those of the base.
    private final class TuningService: Sendable {
        let service: Service
        private let configuration: ServiceConfiguration
        private let port: Int

        init(_ base: TinyBase) async throws {
            var configuration = ServiceConfiguration()
            (configuration.base, configuration.adapters, configuration.encoder) = (base.path("base"), base.path("adapters"), nil)
            (configuration.routes, configuration.tuningFolder, configuration.port) = (nil, base.path("tuning"), 0)
            (configuration.threads, configuration.limits.engine.keyValueBytes) = (1, 1 << 20)
            configuration.limits.adapters.settleMilliseconds = 20
            self.configuration = configuration
            service = await Service(configuration, logger: Logger(sink: MemoryLogSink()))
            port = try await service.listen()
            let settings = configuration
            try await service.open { try settings.openParts() }
        }

        func ask(_ method: String, _ path: String, _ body: String = "", headers: String = "") async throws -> JSONValue {
            try JSONValue.parse(try await text(method, path, body, headers: headers))
        }

        func text(_ method: String, _ path: String, _ body: String = "", headers: String = "") async throws -> String {
            let port = port
            return try await LoopbackClient.run { try LoopbackAnswer.ask(method, path, body, headers: headers, port: port).text }
        }

        func upload(_ rows: [[String: Any]]) async throws -> String {
            let lines = try rows.map { String(decoding: try JSONSerialization.data(withJSONObject: $0, options: .sortedKeys), as: UTF8.self) }
            let parts = [("name=\"purpose\"", "fine-tune"), ("name=\"file\"; filename=\"sums.jsonl\"", lines.joined(separator: "\n"))]
            let form = parts.map { "--b\r\nContent-Disposition: form-data; \($0.0)\r\n\r\n\($0.1)\r\n" }.joined() + "--b--\r\n"
            let answer = try await ask("POST", "/v1/files", form, headers: "Content-Type: multipart/form-data; boundary=b\r\n")
            return try #require(answer["id"]?.stringValue, "\(answer.serialized())")
        }

        func create(_ file: String, suffix: String, _ settings: String) async throws -> String {
            let body = """
                {"model":"base","training_file":"\(file)","suffix":"\(suffix)","seed":1,"hyperparameters":{"batch_size":2},"lmoe":{\(settings)}}
                """
            let answer = try await ask("POST", "/v1/fine_tuning/jobs", body)
            return try #require(answer["id"]?.stringValue, "\(answer.serialized())")
        }

        func until(_ job: String, _ what: (JSONValue) -> Bool) async throws -> JSONValue {
            var found = JSONValue.null
            try await eventually("the job \(job) changes") {
                found = try await ask("GET", "/v1/fine_tuning/jobs/\(job)")
                return what(found) || found["status"] == "failed"
            }
            #expect(what(found), "\(found.serialized())")
            return found
        }
    }

    private func withBase(_ body: (TinyBase) async throws -> Void) async throws {
        let base = try TinyBase()
        defer { base.remove() }
        try await body(base)
    }

    @Test func aFileBecomesAnAdapterThatAnswersAtOnce() async throws {
        try await withBase { base in
            let site = try await TuningService(base)
            let file = try await site.upload(TinyBase.sums(12))
            let job = try await site.create(file, suffix: "sums", "\"rank\":2,\"max-steps\":6,\"eval-steps\":2,\"held-out-share\":2")
            let done = try await site.until(job) { $0["status"] == "succeeded" }
            #expect(done["fine_tuned_model"] == "sums" && done["lmoe"]?["step"] == 6 && done["trained_tokens"]?.intValue ?? 0 > 0)
            let answer = try await site.ask("POST", "/v1/completions", "{\"model\":\"sums\",\"prompt\":\"1 plus 2 is\",\"max_tokens\":2}")
            #expect(answer["model"] == "sums", "\(answer.serialized())")
            let results = try await site.text("GET", "/v1/files/\(done["result_files"]?[0]?.stringValue ?? "")/content")
            #expect(results.split(separator: "\n").count == 7)
            #expect(try String(contentsOfFile: base.path("adapters/sums/README.md"), encoding: .utf8).contains("sums.jsonl"))
            await site.service.stop()
        }
    }

    @Test func aRowThatCannotBeUsedIsNamedByItsLine() async throws {
        try await withBase { base in
            let site = try await TuningService(base)
            let job = try await site.create(try await site.upload(TinyBase.sums(3) + [["prompt": "4 plus"]]), suffix: "bad", "\"rank\":2")
            try await eventually("the job fails") { try await site.ask("GET", "/v1/fine_tuning/jobs/\(job)")["status"] == "failed" }
            let error = try await site.ask("GET", "/v1/fine_tuning/jobs/\(job)")["error"]
            #expect(error?["param"] == "training_file" && error?["code"] == "invalid_training_file")
            #expect(error?["message"]?.stringValue?.hasPrefix("line 4: completion: missing") == true, "\(error?.serialized() ?? "")")
            await site.service.stop()
        }
    }

    @Test func aJobThatARestartInterruptsGetsTheBitsOfOneThatRanThrough() async throws {
        try await withBase { base in
            let settings = "\"rank\":2,\"max-steps\":400,\"held-out-share\":0,\"epochs\":100"
            let first = try await TuningService(base)
            let file = try await first.upload(TinyBase.sums(12))
            let job = try await first.create(file, suffix: "halved", settings)
            _ = try await first.until(job) { $0["lmoe"]?["step"]?.intValue ?? 0 > 2 }
            await first.service.drain()
            // On a machine that is very busy with other things, both jobs may have ended before they were interrupted.
            let isHalved = !FileManager.default.fileExists(atPath: base.path("adapters/halved"))

            let second = try await TuningService(base)
            let whole = try await second.create(file, suffix: "whole", settings)
            _ = try await second.until(whole) { $0["lmoe"]?["step"]?.intValue ?? 0 > 2 }
            let isPaused = try await second.ask("POST", "/v1/fine_tuning/jobs/\(whole)/pause")["lmoe"]?["paused"] == true
            _ = try await second.until(job) { $0["status"] == "succeeded" }
            let resumed = try await second.ask("POST", "/v1/fine_tuning/jobs/\(whole)/resume")
            #expect(!isPaused || resumed["lmoe"]?["paused"] == false)
            _ = try await second.until(whole) { $0["status"] == "succeeded" }
            let events = try await second.text("GET", "/v1/fine_tuning/jobs/\(job)/events?limit=1000")
            #expect(events.contains("Fine-tuning job goes on after step") == isHalved)
            let folders = ["halved", "whole"].map { base.path("adapters/\($0)/adapter_model.safetensors") }
            #expect(FileManager.default.contents(atPath: folders[0]) == FileManager.default.contents(atPath: folders[1]))
            #expect(FileManager.default.contents(atPath: folders[0]) != nil)
            await second.service.stop()
        }
    }

    @Test func aCancelledJobLeavesNothing() async throws {
        try await withBase { base in
            let site = try await TuningService(base)
            let job = try await site.create(try await site.upload(TinyBase.sums(12)), suffix: "gone", "\"rank\":2,\"max-steps\":100000,\"epochs\":10000")
            _ = try await site.until(job) { $0["lmoe"]?["step"]?.intValue ?? 0 > 0 }
            #expect(try await site.ask("POST", "/v1/fine_tuning/jobs/\(job)/cancel")["status"] == "cancelled")
            try await eventually("its checkpoints are deleted") { try FileManager.default.contentsOfDirectory(atPath: base.path("adapters")).isEmpty }
            await site.service.stop()
        }
    }
}
