import Foundation
import Generation
import JSON
import OpenAIAPI
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Gateway
@testable import Routing

/// Rules of route files, settings around the decision, metrics and the decision log, over sockets.
@Suite struct PolicyTests {
    private static let keys = try! APIKeys(file: "team-a:a\nteam-b:b\nadmin:root\n")
    private static let files = "find the large files in a folder"

    private func withSite(
        keys: APIKeys = APIKeys(), _ configure: @escaping @Sendable (inout ServiceConfiguration, TemporaryFolder) throws -> Void,
        _ body: (Site) async throws -> Void
    ) async throws {
        let site = try await Site(keys: keys) { configuration, folder in
            configuration.routes = "\(folder.path)/routes"
            try configure(&configuration, folder)
        }
        do {
            try await site.open()
            try await body(site)
        } catch {
            await site.service.stop()
            throw error
        }
        await site.service.stop()
    }

    private func bearer(_ key: String) -> String { "Authorization: Bearer \(key)\r\n" }

    @Test func anAdapterIsForWhomItsFileSays() async throws {
        try await withSite(keys: Self.keys, { _, folder in try folder.write("allow: [team-a]\n", to: "routes/shell.yaml") }) { site in
            #expect(try await site.chat(Self.files, headers: bearer("a")).headers["x-lmoe-adapter"] == "shell")
            #expect(try await site.chat("hello", model: "shell", headers: bearer("a")).status == 200)
            for key in ["b", "root"] {
                #expect(try await site.chat(Self.files, headers: bearer(key)).headers["x-lmoe-adapter"] != "shell")
                let named = try await site.chat("hello", model: "shell", headers: bearer(key))
                #expect(named.status == 404 && named.text.contains("does not exist or you do not have access to it"))
                #expect(try await !site.ask("GET", "/v1/models", headers: bearer(key)).text.contains("shell"))
                let asked = try await site.ask("POST", "/v1/route", "{\"input\": \"\(Self.files)\"}", headers: bearer(key))
                #expect(!asked.text.contains("\"shell\""))
            }
            #expect(try await site.ask("GET", "/v1/adapters", headers: bearer("root")).text.contains("shell"))
            // A mistake in the file opens nothing; a new rule holds at once.
            try site.folder.write("allow: [team-a, team-b]\nexampels: []\n", to: "routes/shell.yaml")
            #expect(try await site.until { site.log.lines.contains { $0.contains("adapter is not routed") } })
            #expect(try await site.chat("hello", model: "shell", headers: bearer("b")).status == 404)
            #expect(try await site.chat("hello", model: "shell", headers: bearer("a")).status == 200)
            try site.folder.write("deny: [team-a]\n", to: "routes/shell.yaml")
            #expect(try await site.until { try await site.chat("hello", model: "shell", headers: bearer("b")).status == 200 })
            #expect(try await site.chat("hello", model: "shell", headers: bearer("a")).status == 404)
            #expect(site.log.lines.contains { $0.contains("key=team-a") })
        }
    }

    @Test func rulesThatNameNoAdapterAreReported() async throws {
        try await withSite({ configuration, folder in
            configuration.requests.defaultAdapter = "helper"
            try folder.write("canary: {adapter: shell-2, weight: 0.5}\ntimeout_ms: 600000\n", to: "routes/shell.yaml")
        }) { site in
            let told = site.log.lines.filter { $0.contains("a rule has no effect") }
            #expect(told.count == 2)
            #expect(told.contains { $0.contains("shell-2") } && told.contains { $0.contains("helper") })
            let routing = try await site.ask("GET", "/v1/adapters/shell").json()["routing"]
            #expect(routing?["canary"] == ["adapter": "shell-2", "weight": 0.5])
            #expect(routing?["timeout_ms"] == 600_000 && routing?["restricted"] == false)
            #expect(try await site.chat(Self.files).headers["x-lmoe-adapter"] == "shell")
        }
    }

    @Test func rulesAboutKeysOfAServiceWithoutKeysAreReported() async throws {
        try await withSite({ _, folder in
            try folder.write("allow: {keys: [team-a]}\n", to: "routes/shell.yaml")
            try folder.write("deny: {keys: [team-a]}\n", to: "routes/geo.yaml")
        }) { site in
            let told = site.log.lines.filter { $0.contains("an access rule is about keys") && $0.contains("--api-key-file") }
            #expect(told.count == 2)
            #expect(told.contains { $0.contains("adapter=shell") && $0.contains("no caller can use the adapter") })
            #expect(told.contains { $0.contains("adapter=geo") && $0.contains("it refuses no caller") })
            let (shell, geo) = (try await site.chat("hello", model: "shell"), try await site.chat("hello", model: "geo"))
            #expect(shell.status == 404 && geo.status == 200)
        }
        try await withSite(keys: Self.keys, { _, folder in try folder.write("allow: {keys: [team-a]}\n", to: "routes/shell.yaml") }) { site in
            #expect(!site.log.lines.contains { $0.contains("an access rule is about keys") })
        }
    }

    @Test func aReportNamesNobodyWhoIsNotOpenToTheReader() async throws {
        try await withSite(keys: Self.keys, { _, folder in try folder.write("allow: [team-a]\n", to: "routes/shell.yaml") }) { site in
            let adapters = "\(site.folder.path)/adapters"
            try TinyAdapter.write(
                "disk", in: adapters, value: 5,
                examples: ["list large files in a folder", "count the files in a folder", "find files in the folder", "which poems praise the moon"])
            func routing(_ name: String, _ key: String) async throws -> JSONValue? {
                try await site.ask("GET", "/v1/adapters/\(name)", headers: bearer(key)).json()["routing"]
            }
            #expect(try await site.until { try await routing("disk", "root")?["taken_from"]?["adapter"] == "shell" })
            #expect(try await routing("disk", "a")?["taken_from"]?["adapter"] == "shell")
            #expect(try await routing("disk", "b")?["taken_from"] == .null)
            // It comes later, or the texts would be its own as well.
            try TinyAdapter.write("twin", in: adapters, value: 6, examples: Fixture.shell + ["shell"])
            #expect(try await site.until { try await routing("twin", "a")?["alike"]?[0]?["adapter"] == "shell" })
            for path in ["/v1/adapters", "/v1/adapters/disk", "/v1/adapters/twin"] {
                #expect(try await !site.ask("GET", path, headers: bearer("b")).text.contains("\"shell\""), "\(path)")
            }
        }
    }

    @Test func headersCountWhereAFileNamesThem() async throws {
        try await withSite({ _, folder in try folder.write("allow: {headers: {x-tenant: [blue]}}\n", to: "routes/shell.yaml") }) { site in
            let blue = try await site.chat(Self.files, headers: "X-Tenant: blue\r\n")
            #expect(blue.headers["x-lmoe-adapter"] == "shell")
            #expect(try await site.chat(Self.files).headers["x-lmoe-adapter"] != "shell")
            #expect(try await site.chat("hello", model: "shell", headers: "X-Tenant: red\r\n").status == 404)
        }
    }

    @Test func anAdapterThatCannotAnswerIsNoPromptWithoutAFittingOne() throws {
        let registry = MetricsRegistry()
        let metrics = DecisionMetrics(registry)
        var decision = RouteDecision.fallback(reason: "")
        decision.candidates = [.init(adapter: "sql", probability: 0.9, score: 1, threshold: 0.5, nearest: [])]
        metrics.note(decision)
        decision.notes.unavailable = ["sql"]
        metrics.note(decision)
        let text = registry.exposition()
        #expect(text.contains("lmoe_route_fallbacks_total{adapter=\"sql\"} 1\n"))
        #expect(text.contains("lmoe_route_unavailable_total{adapter=\"sql\"} 1\n"))
    }

    @Test func metricsCountDecisionsAndWhatBecameOfThem() async throws {
        try await withSite({ configuration, folder in
            configuration.requests.defaultAdapter = "geo"
            try folder.write("threshold: 1\n", to: "routes/geo.yaml")
            try TinyAdapter.write("shell-2", in: folder.makeFolder("adapters"), value: 3, examples: [])
            try folder.write("canary: {adapter: shell-2, weight: 1}\n", to: "routes/shell.yaml")
        }) { site in
            let drawn = try await site.chat(Self.files)
            #expect(drawn.headers["x-lmoe-adapter"] == "shell-2" && drawn.headers["x-lmoe-route"] == "matched")
            #expect(try drawn.json()["choices"]?[0]?["message"]?["content"] == "shell-2")
            let fallback = try await site.chat("states and rivers of texas")
            #expect(fallback.headers["x-lmoe-adapter"] == "geo" && fallback.headers["x-lmoe-route"] == "fallback")
            #expect(try await site.chat("hello", model: "shell").headers["x-lmoe-adapter"] == "shell")
            let metrics = try await site.ask("GET", "/metrics").text
            for line in [
                "lmoe_routes_total{adapter=\"shell-2\",route=\"matched\"} 1", "lmoe_routes_total{adapter=\"geo\",route=\"fallback\"} 1",
                "lmoe_route_canary_total{adapter=\"shell\",version=\"shell-2\"} 1", "lmoe_route_defaults_total{adapter=\"geo\"} 1",
                "lmoe_route_probability_count{adapter=\"shell\"} ",
            ] {
                #expect(metrics.contains(line), "\(line)")
            }
            #expect(metrics.split(separator: "\n").filter { $0.hasPrefix("lmoe_route_fallbacks_total{") }.count == 1)
        }
    }

    @Test func negativesAreReadFromTheRoutesFolder() async throws {
        try await withSite({ _, folder in try folder.write("{\"bad\": 1}\n", to: "routes/none.jsonl") }) { site in
            #expect(site.log.lines.contains { $0.contains("none.jsonl") })
            let before = try await site.ask("POST", "/v1/route", "{\"input\": \"\(Self.files)\"}").json()["probability"]?.doubleValue ?? 0
            let lines = (0..<12).map { "\"find the large files in a folder of museum \($0)\"\n" }.joined()
            try site.folder.write(lines, to: "routes/none.jsonl")
            #expect(
                try await site.until {
                    let now = try await site.ask("POST", "/v1/route", "{\"input\": \"\(Self.files)\"}").json()["probability"]?.doubleValue ?? 0
                    return now < before
                })
        }
    }

    // MARK: The decision log

    private func log(_ settings: (inout DecisionLogSettings) -> Void) throws -> (DecisionLog, TemporaryFolder) {
        let folder = try TemporaryFolder()
        var made = DecisionLogSettings(path: "\(folder.path)/decisions.jsonl")
        settings(&made)
        return (try DecisionLog(made), folder)
    }

    private func lines(_ folder: TemporaryFolder, _ name: String = "decisions.jsonl") throws -> [JSONValue] {
        try String(contentsOfFile: "\(folder.path)/\(name)", encoding: .utf8).split(separator: "\n").map { try JSONValue.parse(String($0)) }
    }

    private static let decision: RouteDecision = {
        var decision = RouteDecision.fallback(reason: "not sure: the base answers", text: "my secret", encoder: "words")
        decision.milliseconds = 1.25
        decision.candidates = [
            .init(adapter: "shell", probability: 0.25, score: 0.5, threshold: 0.5, nearest: [.init(text: "an example", similarity: 0.5)])
        ]
        return decision
    }()

    private func note(_ log: DecisionLog, _ id: String) {
        log.note(
            Self.decision, RouteQuestion(.text("my secret"), caller: Caller(key: "team-a"), requestID: id, isServed: true))
    }

    @Test func decisionsAreWrittenWithoutPrompts() throws {
        let (log, folder) = try log { _ in }
        note(log, "r-1")
        log.flush()
        let line = try #require(try lines(folder).first)
        #expect(line["id"] == "r-1" && line["key"] == "team-a" && line["served"] == true && line["route"] == "fallback")
        #expect(line["candidates"] == [["adapter": "shell", "probability": 0.25, "score": 0.5]])
        #expect(line["ms"] == 1.25 && line["text"] == nil)
        #expect((line["time"]?.doubleValue ?? 0) > 1_700_000_000)
        #expect(!line.serialized().contains("secret") && !line.serialized().contains("an example"))
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/decisions.jsonl")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    /// Every text that a decision can hold is a word of its own here; none may reach the file.
    @Test func noTextOfADecisionReachesTheLog() throws {
        let (log, folder) = try log { _ in }
        var decision = Self.decision
        decision.text = "corrected-secret"
        decision.original = "misspelt-secret"
        decision.candidates[0].nearest = [.init(text: "example-secret", similarity: 1)]
        decision.notes.judgement = .init(failure: "failure-secret", cause: "cause-secret")
        decision.notes.first = .init(encoder: "static", adapter: "shell", probability: 0.5, isSure: false, microseconds: 1)
        decision.notes.pieces = 3
        log.note(decision, RouteQuestion(.messages([ChatMessage(role: "user", content: "prompt-secret")]), requestID: "r-1", user: "user-secret"))
        log.flush()
        let line = try #require(try lines(folder).first)
        #expect(!line.serialized().contains("secret"), "\(line.serialized())")
        #expect(line["language_model"]?["failed"] == true && line["pieces"] == 3 && line["first"]?["encoder"] == "static")
    }

    @Test func aPromptThatAFactAnsweredIsALineWithoutItsTexts() throws {
        let (log, folder) = try log { $0.hasPrompts = true }
        var record = RequestRecord(id: "r-1", method: "POST", endpoint: "/v1/completions", remoteAddress: "")
        record.key = "team-a"
        let asked = [AskedMemory(memory: "geo", isOpen: false, milliseconds: 0.5), AskedMemory(memory: "facts", isOpen: true, milliseconds: 1)]
        let recall = MemoryRecall(memory: "facts", fact: 7, question: "my secret", score: 3.25, threshold: 2.5, margin: 0.75)
        log.note(MemoryRecord(prompt: 0, asked: asked, recall: nil, adapter: nil), of: record)
        log.note(MemoryRecord(prompt: 1, asked: asked, recall: recall, adapter: "sql"), of: record)
        log.flush()
        let found = try lines(folder)
        #expect(found.count == 1, "a memory that found nothing leaves no line")
        let line = try #require(found.first)
        #expect(line["id"] == "r-1" && line["key"] == "team-a" && line["prompt"] == 1 && line["adapter"] == "sql" && line["ms"] == 1.5)
        #expect(line["memory"] == ["memory": "facts", "fact": 7, "score": 3.25, "threshold": 2.5, "margin": 0.75])
        #expect(line["asked"] == ["geo", "facts"])
    }

    @Test func metricsCountAnswersFromMemoryAndGatesThatStayedClosed() throws {
        let metrics = ServiceMetrics()
        var record = RequestRecord(id: "r-1", method: "POST", endpoint: "/v1/completions", remoteAddress: "")
        let recall = MemoryRecall(memory: "facts", fact: 7, score: 3.25, threshold: 2.5)
        let closed = [AskedMemory(memory: "geo", isOpen: false, milliseconds: 0.5)]
        record.memories = [
            MemoryRecord(prompt: 0, asked: closed, recall: nil, adapter: nil),
            MemoryRecord(prompt: 1, asked: closed + [AskedMemory(memory: "facts", isOpen: true, milliseconds: 1)], recall: recall, adapter: nil),
        ]
        metrics.note(record)
        let text = metrics.registry.exposition()
        for line in [
            "lmoe_memory_gates_total{memory=\"facts\",outcome=\"opened\"} 1", "lmoe_memory_gates_total{memory=\"geo\",outcome=\"closed\"} 2",
            "lmoe_memory_answers_total{memory=\"facts\"} 1", "lmoe_memory_gate_seconds_count 3",
        ] {
            #expect(text.contains(line + "\n"), "\(line)")
        }
        #expect(!text.contains("lmoe_memory_answers_total{memory=\"geo\"}"))
    }

    @Test func aLogThatOthersCouldReadIsClosedToThem() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/decisions.jsonl"
        try folder.write("", to: "decisions.jsonl")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        let log = try DecisionLog(DecisionLogSettings(path: path))
        note(log, "r-1")
        log.flush()
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
    }

    @Test func promptsAreWrittenWhenAsked() throws {
        let (log, folder) = try log { $0.hasPrompts = true }
        note(log, "r-1")
        log.flush()
        #expect(try lines(folder)[0]["text"] == "my secret")
        #expect(try lines(folder)[0]["candidates"]?[0]?["nearest"]?[0]?["text"] == "an example")
    }

    @Test func aShareIsWritten() throws {
        let (none, empty) = try log { $0.share = 0 }
        let (some, folder) = try log { $0.share = 0.25 }
        for number in 0..<400 {
            note(none, "r\(number)")
            note(some, "r\(number)")
            if number.isMultiple(of: 100) { some.flush() }
        }
        none.flush()
        some.flush()
        #expect(try lines(empty).isEmpty)
        let written = try lines(folder).count
        #expect((60...140).contains(written))
    }

    @Test func rotationKeepsTheLogWithinTwiceItsLimit() throws {
        let (log, folder) = try log { $0.limitBytes = 2_000 }
        for number in 0..<60 { note(log, "r\(number)") }
        log.flush()
        var ids: [String] = []
        for name in ["decisions.jsonl.1", "decisions.jsonl"] {
            let size = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/\(name)")[.size] as? Int
            #expect((1...2_000).contains(size ?? 0))
            ids += try lines(folder, name).compactMap { $0["id"]?.stringValue }
        }
        #expect(ids.last == "r59")
        #expect(ids == (60 - ids.count..<60).map { "r\($0)" })
        #expect(log.dropped == 0)
        // The next process goes on with the file.
        let again = try DecisionLog(DecisionLogSettings(path: "\(folder.path)/decisions.jsonl"))
        note(again, "next")
        again.flush()
        #expect(try lines(folder).count > 1)
    }

    @Test(.timeLimit(.minutes(20)))
    func aLogThatCannotBeWrittenIsToldAtTheStart() async throws {
        #expect(throws: GatewayError.self) { try DecisionLog(DecisionLogSettings(path: "/nowhere/at/all.jsonl")) }
        let folder = try TemporaryFolder()
        #expect(mkfifo("\(folder.path)/pipe", 0o600) == 0)
        let error = #expect(throws: GatewayError.self) { try DecisionLog(DecisionLogSettings(path: "\(folder.path)/pipe")) }
        #expect(error?.message.contains("a pipe that no process reads") == true)
        let site = try await Site { configuration, _ in configuration.decisionLog = DecisionLogSettings(path: "/nowhere/at/all.jsonl") }
        await #expect(throws: GatewayError.self) { try await site.open() }
        await site.service.stop()
    }

    // MARK: The language model

    @Test func theServiceAsksItWhenThePolicySaysSo() async throws {
        try await withSite({ configuration, _ in configuration.requests.languageModel = .always }) { site in
            // The scripted backend writes no letters: the router's decision stands, and says why.
            let answer = try await site.ask("POST", "/v1/route", "{\"input\": \"\(Self.files)\"}").json()
            #expect(answer["adapter"] == "shell")
            #expect(answer["language_model"]?["failure"]?.stringValue?.hasPrefix("the language model did not judge") == true)
            #expect(!answer.serialized().contains("it wrote no token"))
            let told = site.log.lines.filter { $0.contains("the language model did not judge") }
            #expect(told.count == 1 && told[0].contains("why=\"it wrote no token\"") && told[0].contains("id=req_"), "\(told)")
            #expect(try await site.ask("GET", "/metrics").text.contains("lmoe_route_language_model_total{outcome=\"failed\"} 1"))
        }
    }
}
