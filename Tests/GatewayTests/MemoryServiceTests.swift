import Embeddings
import Foundation
import Inference
import JSON
import Logging
import Memory
import Models
import Telemetry
import Tensors
import TestSupport
import Testing

@testable import Gateway

/// Facts that are told over HTTP to a service with the real models.
@Suite struct MemoryServiceTests {
    private final class MemoryService: Sendable {
        let service: Service
        private let port: Int

        init(_ adapters: String, memories: [String] = [], configure: (inout ServiceConfiguration) -> Void = { _ in }) async throws {
            var configuration = ServiceConfiguration()
            (configuration.base, configuration.encoder) = ("\(Checkout.path)/models/base.gguf", "\(Checkout.path)/models/encoder")
            (configuration.adapters, configuration.routes, configuration.cache, configuration.port) = (adapters, nil, nil, 0)
            (configuration.threads, configuration.memories) = (2, memories)
            configuration.limits.adapters.settleMilliseconds = 20
            configure(&configuration)
            service = await Service(configuration, logger: Logger(sink: MemoryLogSink()))
            port = try await service.listen()
            let settings = configuration
            try await service.open { try settings.openParts() }
        }

        func text(_ method: String, _ path: String, _ body: String = "") async throws -> String {
            let port = port
            return try await LoopbackClient.run { try LoopbackAnswer.ask(method, path, body, headers: "", port: port).text }
        }

        func ask(_ method: String, _ path: String, _ body: String = "") async throws -> JSONValue {
            try JSONValue.parse(try await text(method, path, body))
        }

        func chat(_ text: String, _ more: String = "") async throws -> (answer: String, memory: JSONValue?) {
            let body = "{\"messages\":[{\"role\":\"user\",\"content\":\"\(text)\"}],\"max_tokens\":24,\"temperature\":0\(more)}"
            let document = try await ask("POST", "/v1/chat/completions", body)
            return (document["choices"]?[0]?["message"]?["content"]?.stringValue ?? document.serialized(), document["lmoe"]?["memory"])
        }
    }

    /// An adapters folder with an empty memory.
    private static func adapters(_ name: String) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let pool = WorkerPool(threads: 2)
        let model = try BaseModel.open("\(Checkout.path)/models/base.gguf", pool: pool)
        let base = ServiceConfiguration().memoryBase(model)
        let encoder = try EncoderEmbedder(folder: "\(Checkout.path)/models/encoder", precision: .fast, pool: pool)
        let calibration = try #require(try MemoryCalibration.measure(base, site: 27, pool: pool))
        try MemoryFolder.create(
            folder.place(name), calibration, encoder: (encoder.identity, encoder.dimension), description: "Facts of a test.")
        return folder
    }

    @Test func aFactThatIsToldOverHTTPAnswersWhenTheCallReturns() async throws {
        let folder = try Self.adapters("facts")
        let service = try await MemoryService(folder.path, memories: ["facts"])
        let question = "What is the door code of the annex?"
        let before = try await service.chat(question)
        #expect(before.memory == nil)
        let told = try await service.ask("POST", "/v1/memories", "{\"question\":\"\(question)\",\"answer\":\"4711-ZULU\"}")
        #expect(told["id"] == "facts:1" && told["status"] == "added", "\(told.serialized())")
        let after = try await service.chat(question)
        #expect(after.answer == "4711-ZULU" && after.memory?["fact"] == 1 && after.memory?["memory"] == "facts")
        #expect(try await service.chat(question, ",\"memory\":false").answer == before.answer, "a request may ask no memory")
        let explained = try await service.chat(question, ",\"memory\":{\"explain\":true}")
        #expect(explained.answer == "4711-ZULU" && explained.memory?["without"]?.stringValue == before.answer, "\(explained)")
        #expect(try await service.chat(question, ",\"model\":\"facts\",\"memory\":false").answer == "4711-ZULU", "a memory is an adapter, too")
        #expect(try await service.chat("Name a colour.").answer == service.chat("Name a colour.", ",\"memory\":false").answer)

        let conflict = try await service.ask("POST", "/v1/memories", "{\"question\":\"\(question)\",\"answer\":\"12\"}")
        #expect(conflict["error"]?["code"] == "fact_conflict")
        _ = try await service.ask("PATCH", "/v1/memories/facts:1", "{\"answer\":\"Ask Marta.\"}")
        #expect(try await service.chat(question).answer == "Ask Marta.")
        let list = try await service.ask("GET", "/v1/memories?contains=annex")
        #expect(list["data"]?.arrayValue?.count == 1 && list["has_more"] == false)
        let metrics = try await service.text("GET", "/metrics")
        for line in [
            "lmoe_memory_facts_total{memory=\"facts\",outcome=\"added\"} 1", "lmoe_memory_facts_total{memory=\"facts\",outcome=\"conflict\"} 1",
            "lmoe_memory_facts_total{memory=\"facts\",outcome=\"changed\"} 1", "lmoe_memory_facts_stored{memory=\"facts\"} 1",
            "lmoe_memory_answers_total{memory=\"facts\"} 4", "lmoe_memory_gates_total{memory=\"facts\",outcome=\"closed\"} 2",
        ] {
            #expect(metrics.contains(line + "\n"), "\(line)")
        }

        // Another service on the same folder reads what is on the disk, and the first one goes on to write.
        let second = try await MemoryService(folder.path)
        #expect(try await second.chat(question, ",\"memory\":\"facts\"").answer == "Ask Marta.")
        #expect(try await second.ask("DELETE", "/v1/memories/facts:1")["error"]?["type"] == "server_error")
        await second.service.drain()
        #expect(try await service.ask("DELETE", "/v1/memories/facts:1")["deleted"] == true)
        #expect(try await service.chat(question).answer == before.answer, "what is forgotten is the base's again")
        await service.service.drain()
    }

    @Test func aListIsWrittenInPiecesAndReadInPieces() async throws {
        let folder = try Self.adapters("facts")
        let service = try await MemoryService(folder.path) { configuration in configuration.limits.memory.scanned = 3 }
        let doors = ["annex", "cellar", "attic", "garage", "archive", "kitchen", "workshop"]
        let list = doors.enumerated().map { "{\"question\":\"What is the code of the \($1) door?\",\"answer\":\"4711-\($0)\"}" }
        let told = try await service.ask("POST", "/v1/memories", "{\"facts\":[\(list.joined(separator: ","))]}")
        #expect(told["data"]?.arrayValue?.map { $0["answer"] } == doors.indices.map { .string("4711-\($0)") }, "in the order of the request")

        var (found, pages, after) = ([JSONValue](), 0, "")
        while pages < 9 {
            let page = try await service.ask("GET", "/v1/memories?contains=4711-6\(after)")
            found += page["data"]?.arrayValue ?? []
            pages += 1
            guard let next = page["next_after"]?.stringValue else {
                #expect(page["has_more"] == false)
                break
            }
            after = "&after=\(next)"
        }
        #expect(found.count == 1 && found.first?["question"] == "What is the code of the workshop door?")
        #expect(pages == 3, "a call looks at three facts")
        await service.service.drain()
    }
}
