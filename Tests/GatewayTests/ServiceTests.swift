import Adapters
import Foundation
import Generation
import HTTP
import JSON
import Logging
import OpenAIAPI
import Telemetry
import Testing
import UV

@testable import Gateway

/// The whole service over sockets, with tiny adapters and a backend that says who answers.
@Suite struct ServiceTests {
    @Test func requestsAreRoutedAnsweredCountedAndLogged() async throws {
        try await withService { site in
            let before = try await site.ask("GET", "/ready")
            #expect(before.status == 503)
            #expect(try await site.ask("GET", "/health").status == 200)
            try await site.open()
            #expect(try await site.ask("GET", "/ready").status == 200)
            let answer = try await site.chat("find the large files in a folder")
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.headers["x-lmoe-adapter"] == "shell")
            #expect(answer.headers["x-lmoe-route"] == "matched")
            #expect(try answer.json()["choices"]?[0]?["message"]?["content"] == "shell")
            #expect(try answer.json()["lmoe"]?["version"]?.stringValue?.isEmpty == false)
            #expect(try await site.chat("zebra quantum").headers["x-lmoe-route"] == "fallback")
            #expect(try await site.ask("GET", "/v1/models/geo").status == 200)
            let metrics = try await site.ask("GET", "/metrics").text
            #expect(metrics.contains("lmoe_requests_total{endpoint=\"/v1/chat/completions\",status=\"200\"} 2"))
            #expect(metrics.contains("lmoe_routes_total{adapter=\"shell\",route=\"matched\"} 1"))
            #expect(metrics.contains("lmoe_adapters_servable 2"))
            let lines = site.log.lines.filter { $0.contains("/v1/chat/completions") }
            #expect(lines.count == 2)
            #expect(lines[0].contains("adapter=shell ") && lines[0].contains(" route=matched"))
            #expect(!site.log.lines.contains { $0.contains("large files") })
        }
    }

    @Test func explanationsAndEmbeddingsAreServed() async throws {
        try await withService { site in
            try await site.open()
            let explanation = try await site.ask("POST", "/v1/route", "{\"input\":\"rivers that cross texas\",\"top\":1}").json()
            #expect(explanation["adapter"] == "geo")
            #expect(explanation["candidates"]?.arrayValue?.count == 1)
            #expect(explanation["candidates"]?[0]?["nearest"]?[0]?["text"] == "which rivers cross texas")
            #expect(explanation["map"] == nil)
            let drawn = try await site.ask("POST", "/v1/route", "{\"input\":\"rivers that cross texas\",\"map\":true}").json()
            let groups = try #require(drawn["map"]?["groups"]?.arrayValue)
            #expect(Set(groups.compactMap { $0["adapter"]?.stringValue }) == ["geo", "shell"])
            for group in groups {
                let points = try #require(group["points"]?.arrayValue)
                #expect(!points.isEmpty && points.allSatisfy { $0["x"]?.doubleValue != nil && $0["y"]?.doubleValue != nil })
                // The operator's out-of-scope texts stay with the operator.
                if group["adapter"] == .null { #expect(points.allSatisfy { $0["text"] == nil }) }
            }
            let nearest = drawn["map"]?["nearest"]?[0]
            let (group, point) = (try #require(nearest?[0]?.intValue), try #require(nearest?[1]?.intValue))
            #expect(groups[group]["points"]?[point]?["text"] == "which rivers cross texas")
            #expect(drawn["map"]?["query"]?["x"]?.doubleValue != nil)
            let texts = (0..<40).map { "\"text \($0)\"" }.joined(separator: ",")
            let embedded = try await site.ask("POST", "/v1/embeddings", "{\"model\":\"encoder\",\"input\":[\(texts)]}").json()
            #expect(embedded["data"]?.arrayValue?.count == 40)
            #expect(embedded["data"]?[39]?["embedding"]?.arrayValue?.count == 64)
            #expect(try await site.ask("GET", "/v1/models/encoder").status == 200)
        }
    }

    @Test func theConsoleIsOffWhereOthersCanReachAServerWithoutKeys() async throws {
        func hasConsole(_ console: ServiceConfiguration.Console, host: String, keys: APIKeys = APIKeys()) async throws -> Bool {
            let site = try await Site(keys: keys, configure: { configuration, _ in (configuration.console, configuration.host) = (console, host) })
            let page = try await site.ask("GET", "/", headers: "Accept: text/html\r\n")
            await site.service.stop()
            #expect(page.status == 200)
            return page.text.hasPrefix("<!DOCTYPE html>")
        }
        #expect(try await hasConsole(.auto, host: "127.0.0.1"))
        #expect(try await !hasConsole(.auto, host: "0.0.0.0"))
        #expect(try await hasConsole(.auto, host: "0.0.0.0", keys: APIKeys(users: ["k"])))
        #expect(try await hasConsole(.on, host: "0.0.0.0"))
        #expect(try await !hasConsole(.off, host: "127.0.0.1", keys: APIKeys(users: ["k"])))
        #expect(try ServiceConfiguration(SettingValues(flags: [.console: "off"])).console == .off)
        #expect(throws: GatewayError.self) { try ServiceConfiguration(SettingValues(flags: [.console: "maybe"])) }
    }

    @Test func adaptersComeAndGoWhileItRuns() async throws {
        try await withService { site in
            try await site.open()
            #expect(try await site.chat("hello", model: "poems").status == 404)
            try TinyAdapter.write("poems", in: site.configuration.adapters, value: 3, examples: ["write a poem on rain", "a sonnet of the sea"])
            #expect(try await site.until { try await site.chat("a poem on the sea").headers["x-lmoe-adapter"] == "poems" })
            #expect(try await site.ask("GET", "/v1/models/poems").status == 200)
            try FileManager.default.removeItem(atPath: "\(site.configuration.adapters)/poems")
            #expect(try await site.until { try await site.ask("GET", "/v1/models/poems").status == 404 })
            #expect(try await site.chat("a poem on the sea").status == 200)
            // Names go first, the router follows, and then it is told.
            #expect(try await site.until { site.log.lines.contains { $0.contains("adapter removed") && $0.contains("adapter=poems") } })
        }
    }

    @Test func reservationsAboutAnAdapterAreLoggedOnceWhenItComes() async throws {
        let check: PromptingCheck = { prompting throws(AdapterError) in
            if prompting.templates?.standard == "" { throw AdapterError(.malformed, "an empty prompt") }
            return ["its template has no add_generation_prompt"]
        }
        try await withService(check: check) { site in
            try await site.open()
            let folder = "\(site.configuration.adapters)/poems"
            try TinyAdapter.write("poems", in: site.configuration.adapters, value: 3, examples: [])
            try Data("{{ messages }}".utf8).write(to: URL(fileURLWithPath: "\(folder)/chat_template.jinja"))
            #expect(try await site.until { site.log.lines.contains { $0.contains("adapter=poems") && $0.contains("add_generation_prompt") } })
            #expect(try await site.until { try await site.chat("x", model: "poems").status == 200 })
            // An empty template leaves the version in memory in service.
            try Data().write(to: URL(fileURLWithPath: "\(folder)/chat_template.jinja"))
            #expect(try await site.until { site.log.lines.contains { $0.contains("keeps an older version") && $0.contains("an empty prompt") } })
            #expect(try await site.chat("x", model: "poems").status == 200)
            let told = site.log.lines.filter { $0.contains("add_generation_prompt") }
            #expect(told.count == 1 && told[0].contains("warning"), "\(told)")
        }
    }

    @Test func anAdapterThatIsRefusedSaysWhyToWhomNamesIt() async throws {
        try await withService { site in
            try TinyAdapter.write("torn", in: site.configuration.adapters, value: 3, examples: ["tear a page"])
            try Data("{\"peft_type\": \"LORA\", \"r\": 5}".utf8).write(
                to: URL(fileURLWithPath: "\(site.configuration.adapters)/torn/adapter_config.json"))
            try await site.open()
            let answer = try await site.chat("hello", model: "torn")
            #expect(answer.status == 404)
            let error = try answer.json()["error"]
            #expect(error?["code"]?.stringValue == "model_not_found")
            let message = error?["message"]?.stringValue ?? ""
            #expect(message.contains("`torn` is not served: ") && message.contains("adapters check"), "\(message)")
            #expect(message.contains("adapter_config.json") || message.contains("adapter_model.safetensors"), "\(message)")
            let unknown = try await site.chat("hello", model: "nobody").json()["error"]?["message"]?.stringValue
            #expect(unknown == "The model `nobody` does not exist or you do not have access to it.")
        }
    }

    /// The folder is away for a while: no adapter counts as removed, and a supervisor is told.
    @Test func whileTheAdaptersFolderCannotBeReadAllStaysAndItIsNotReady() async throws {
        try await withService { site in
            try await site.open()
            #expect(try await site.chat("find the large files in a folder").headers["x-lmoe-adapter"] == "shell")
            let (path, away) = (site.configuration.adapters, "\(site.folder.path)/away")
            try FileManager.default.moveItem(atPath: path, toPath: away)
            #expect(try await site.until { try await site.ask("GET", "/ready").status == 503 })
            let ready = try await site.ask("GET", "/ready").json()
            #expect(ready["status"] == "unavailable")
            #expect(ready["reason"]?.stringValue?.hasPrefix("the adapters folder cannot be read") == true)
            #expect(!ready.serialized().contains(site.folder.path))
            #expect(try await site.ask("GET", "/metrics").text.contains("lmoe_ready 0"))
            #expect(try await site.chat("find the large files in a folder").headers["x-lmoe-adapter"] == "shell")
            #expect(try await site.ask("GET", "/v1/models/geo").status == 200)
            // It is not in memory, and its files are away: no other model answers in its place.
            #expect(try await site.chat("which rivers cross texas").status == 429)
            try FileManager.default.moveItem(atPath: away, toPath: path)
            #expect(try await site.until { try await site.ask("GET", "/ready").status == 200 })
            #expect(try await site.ask("GET", "/metrics").text.contains("lmoe_ready 1"))
            #expect(!site.log.lines.contains { $0.contains("adapter removed") })
        }
    }

    @Test func aRemovedAdaptersRunningRequestFinishes() async throws {
        try await withService { site in
            try await site.open()
            site.hold()
            async let running = site.chat("hello", model: "geo")
            #expect(try await site.until { site.library.store.status("geo")?.pins == 1 })
            #expect(try await site.ask("DELETE", "/v1/adapters/geo").status == 200)
            #expect(try await site.ask("GET", "/v1/models/geo").status == 404)
            site.release()
            let answer = try await running
            #expect(answer.status == 200)
            #expect(try answer.json()["choices"]?[0]?["message"]?["content"] == "geo")
        }
    }

    @Test func drainingLetsRunningRequestsFinishAndRefusesNewOnes() async throws {
        try await withService { site in
            try await site.open()
            site.hold()
            async let running = site.chat("hello", model: "geo")
            #expect(try await site.until { site.library.store.status("geo")?.pins == 1 })
            let draining = Task { await site.service.drain() }
            #expect(try await site.until { site.log.lines.contains { $0.contains("draining") } })
            await #expect(throws: (any Error).self) { try await site.ask("GET", "/health") }
            site.release()
            #expect(try await running.status == 200)
            await draining.value
            #expect(site.stops == 1)
        }
    }

    @Test func aDrainEndsAtItsDeadlineWithA503ForWhatStillRuns() async throws {
        try await withService(drainMilliseconds: 100) { site in
            try await site.open()
            site.hold()
            let running = Task { try await site.chat("hello", model: "geo") }
            #expect(try await site.until { site.library.store.status("geo")?.pins == 1 })
            await site.service.drain()
            let answer = try await running.value
            #expect(answer.status == 503)
            #expect(try answer.json()["error"]?["code"] == "draining")
            #expect(site.stops == 1)
        }
    }

    @Test func otherNamesOfTheSettingsAreAnswered() async throws {
        let values = SettingValues(flags: [.modelAlias: "gpt-4o-mini,tgi=geo"])
        try await withService(aliases: ServiceConfiguration(values).modelAliases) { site in
            try await site.open()
            let routed = try await site.chat("find the large files in a folder", model: "gpt-4o-mini")
            #expect(routed.headers["x-lmoe-adapter"] == "shell" && routed.headers["x-lmoe-route"] == "matched")
            let named = try await site.chat("find the large files in a folder", model: "tgi")
            #expect(named.headers["x-lmoe-adapter"] == "geo" && named.headers["x-lmoe-route"] == "explicit")
            #expect(try await site.chat("hello", model: "gpt-4").status == 404)
        }
    }

    @Test(arguments: [("0.0.0.0", false, true), ("0.0.0.0", true, false), ("127.0.0.1", false, false)])
    func aServiceThatOtherMachinesReachWithoutAKeyWarns(host: String, hasKeys: Bool, warns: Bool) async throws {
        let site = try await Site(keys: hasKeys ? APIKeys(users: ["sk-1"]) : APIKeys()) { configuration, _ in configuration.host = host }
        let told = site.log.lines.filter { $0.contains("it asks for no key") }
        #expect(told.count == (warns ? 1 : 0), "\(told)")
        #expect(told.allSatisfy { $0.contains("host=0.0.0.0") && $0.contains("--api-key-file") })
        await site.service.stop()
    }

    /// The models load for as long as this test waits; the process ends all the same, with the status of a normal end.
    @Test(arguments: [SIGTERM, SIGINT])
    func aSignalWhileTheModelsLoadEndsTheProcess(signal: Int32) async {
        await #expect(processExitsWith: .success) { [signal] in
            var configuration = ServiceConfiguration()
            configuration.port = 0
            try await Service.run(
                configuration, logger: Logger(sink: MemoryLogSink()), version: "test",
                opening: {
                    sleep(60)
                    // Only a service that waits for its models is still here.
                    _exit(1)
                },
                listening: { _ in kill(getpid(), signal) })
        }
    }

    @Test func aRunThatCannotOpenEndsWithTheReason() async {
        var configuration = ServiceConfiguration()
        configuration.port = 0
        let settings = configuration
        let error = await #expect(throws: GatewayError.self) {
            try await Service.run(
                settings, logger: Logger(sink: MemoryLogSink()), version: "test", opening: Self.failToOpen, listening: { _ in })
        }
        #expect(error?.code == .notOpened)
    }

    @Test func aServiceThatCannotOpenSaysWhy() async throws {
        try await withService { site in
            await #expect(throws: GatewayError.self) { try await site.service.open(Self.failToOpen) }
            let ready = try await site.ask("GET", "/ready")
            #expect(ready.status == 503)
        }
    }

    @Sendable private static func failToOpen() throws -> ServiceParts {
        throw GatewayError(.notOpened, "no such file", place: "base.gguf")
    }

    private func withService(
        drainMilliseconds: Int = 1_200_000, aliases: [ModelAlias] = [], check: PromptingCheck? = nil,
        _ body: @Sendable (Site) async throws -> Void
    ) async throws {
        let site = try await Site(
            drainMilliseconds: drainMilliseconds, configure: { configuration, _ in configuration.modelAliases = aliases }, check: check)
        do {
            try await body(site)
        } catch {
            await site.service.stop()
            throw error
        }
        await site.service.stop()
    }
}
