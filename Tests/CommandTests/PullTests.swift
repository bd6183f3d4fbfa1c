import Foundation
import HubSupport
import TestSupport
import Testing

/// `lmoe pull`, `--base hf:…` and `adapters add hf:…` against a hub in this process.
@Suite struct PullTests {
    /// A hub with the small base as `acme/tiny`, and a cache that nobody else has.
    private struct Bench {
        let server: HubServer
        let tiny: TinyBase
        let cache: TemporaryFolder

        init() throws {
            server = try HubServer()
            tiny = try TinyBase()
            cache = try TemporaryFolder()
            var repository = HubServer.Repository(try Self.files(of: tiny.path("base")))
            repository.files["README.md"] = Array("---\nlicense: apache-2.0\nbase_model: acme/large\n---\n".utf8)
            repository.files["pytorch_model.bin"] = [0x80, 4]
            server.set("acme/tiny", repository)
        }

        func remove() { tiny.remove() }

        var environment: [String: String] {
            var environment = tiny.environment
            environment["HF_ENDPOINT"] = server.endpoint
            environment["HF_HOME"] = cache.path
            return environment
        }

        static func files(of folder: String) throws -> [String: [UInt8]] {
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            return try Dictionary(uniqueKeysWithValues: names.map { ($0, Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\($0)")))) })
        }
    }

    private func events(_ run: Invocation) throws -> [[String: Any]] {
        try run.output.split(separator: "\n").map { try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) }
    }

    @Test func whatIsFetchedIsToldWithItsTerms() throws {
        let bench = try Bench()
        defer { bench.remove() }
        let run = try Invocation("pull", "hf:acme/tiny", environment: bench.environment)
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("licence  apache-2.0") && run.output.contains("base     acme/large") && run.output.contains("lmoe serve --base hf:acme/tiny"))
        #expect(run.output.contains("4 fetched") && run.output.contains("\(bench.cache.path)/hub/models--acme--tiny/snapshots/"))
        let again = try Invocation("pull", "acme/tiny", "--json", environment: bench.environment)
        let events = try events(again)
        #expect(events.map { $0["event"] as? String } == ["resolved", "plan", "file", "file", "file", "file", "done"])
        let done = try #require(events.last)
        #expect(done["fetched_files"] as? Int == 0 && done["license"] as? String == "apache-2.0" && done["kind"] as? String == "model")
        #expect(done["base_model"] as? [String] == ["acme/large"])
    }

    @Test func aBaseOfAHubRunsAndIsFoundOffline() throws {
        let bench = try Bench()
        defer { bench.remove() }
        let words = Data("one two\n".utf8)
        let local = try Invocation("tokenize", input: words, environment: bench.environment)
        let first = try Invocation("tokenize", "--base", "hf:acme/tiny", input: words, environment: bench.environment)
        #expect(first.status == 0 && first.output == local.output, "\(first.errors)")
        bench.server.forgetRequests()
        var offline = bench.environment
        offline["HF_HUB_OFFLINE"] = "1"
        let answer = try Invocation("complete", "--raw", "--base", "hf:acme/tiny", "--max-tokens", "4", "x", environment: offline)
        #expect(answer.status == 0, "\(answer.errors)")
        #expect(bench.server.requests.isEmpty)
        let other = try Invocation("tokenize", "--base", "hf:acme/none", input: words, environment: offline)
        #expect(other.status == 1 && other.errors.contains("lmoe pull hf:acme/none"))
    }

    @Test func anAdapterOfAHubIsCheckedAndPutInPlace() throws {
        let bench = try Bench()
        defer { bench.remove() }
        let data = try bench.tiny.write("sums.jsonl", TinyBase.sums(8))
        let tuned = try Invocation("tune", "sums", "--data", data, "--epochs", "1", "--rank", "2", environment: bench.environment)
        #expect(tuned.status == 0, "\(tuned.errors)")
        var repository = HubServer.Repository(try Bench.files(of: bench.tiny.path("adapters/sums")).filter { !$0.value.isEmpty })
        repository.files["README.md"] = Array("---\nlicense: mit\nbase_model: acme/elsewhere\n---\n".utf8)
        repository.files["training_args.bin"] = [0x80, 4]
        bench.server.set("acme/sums-lora", repository)
        let added = try Invocation("adapters", "add", "hf:acme/sums-lora", "--no-compare", "--json", environment: bench.environment)
        #expect(added.status == 0, "\(added.errors)")
        let json = try added.json()
        #expect(json["name"] as? String == "sums-lora" && json["license"] as? String == "mit" && json["commit"] as? String == repository.commit)
        let names = try Set(FileManager.default.contentsOfDirectory(atPath: bench.tiny.path("adapters/sums-lora")))
        #expect(names.isSuperset(of: ["adapter_config.json", "adapter_model.safetensors", "README.md"]) && !names.contains("training_args.bin"))
        let weights = try FileManager.default.attributesOfItem(atPath: bench.tiny.path("adapters/sums-lora/adapter_model.safetensors"))
        #expect(weights[.type] as? FileAttributeType == .typeRegular, "no link into the cache")
        let list = try Invocation("adapters", "list", "--json", environment: bench.environment)
        let adapters = try #require(try list.json()["adapters"] as? [[String: Any]])
        #expect(adapters.contains { $0["name"] as? String == "sums-lora" && $0["state"] as? String == "ready" })

        // The same on another base: the one that it was made for is named.
        let wrong = try Invocation("adapters", "add", "hf:acme/sums-lora", "--name", "wrong", "--base", "models/base.gguf", environment: bench.environment)
        #expect(wrong.status == 1 && wrong.errors.contains("made for acme/elsewhere, and the base here is models/base.gguf"), "\(wrong.errors)")
        #expect(!FileManager.default.fileExists(atPath: bench.tiny.path("adapters/wrong")))
        let noted = try Invocation(
            "adapters", "add", "hf:acme/sums-lora", "--name", "noted", "--no-compare", "--base", "hf:acme/tiny", environment: bench.environment)
        #expect(noted.status == 0 && noted.errors.contains("made for acme/elsewhere and fits acme/tiny"), "\(noted.errors)")
        let asBase = try Invocation("tokenize", "--base", "hf:acme/sums-lora", input: Data("x\n".utf8), environment: bench.environment)
        #expect(asBase.status == 2 && asBase.errors.contains("adapters add"))
    }

    @Test func aRefusalHasItsNextStepAndItsEvent() throws {
        let bench = try Bench()
        defer { bench.remove() }
        let none = try Invocation("pull", "hf:acme/none", "--json", environment: bench.environment)
        #expect(none.status == 1 && none.errors.contains("HF_TOKEN"))
        let failed = try #require(try events(none).last)
        #expect(failed["event"] as? String == "failed" && failed["code"] as? String == "repositoryNotFound")
        for wrong in ["hf:../x", "hf:a/b/c", "hf:acme/tiny:/etc/passwd"] {
            #expect(try Invocation("pull", wrong, environment: bench.environment).status == 2)
        }
        #expect(try Invocation("adapters", "add", "hf:acme/\(String(repeating: "a", count: 80))", environment: bench.environment).status == 2)
        let endpoint = try Invocation("pull", "hf:acme/tiny", environment: bench.environment.merging(["HF_ENDPOINT": "nowhere"]) { $1 })
        #expect(endpoint.status == 2 && endpoint.errors.contains("HF_ENDPOINT"))
    }

    /// Ctrl-C in the middle of the weights: the bytes that came are kept, and the next run asks for the rest.
    @Test func anInterruptedFetchIsContinuedByTheNextRun() async throws {
        let bench = try Bench()
        defer { bench.remove() }
        let content = [UInt8](repeating: 9, count: 3_000_000)
        bench.server.set("acme/big", HubServer.Repository(["x.gguf": content]))
        // The connection breaks again and again, so that the client waits for another attempt when the signal comes.
        let process = Invocation.process(["pull", "hf:acme/big", "--json"], environment: bench.environment)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        bench.server.set(fault: { request in
            guard request.method == "GET", request.path.hasSuffix("/x.gguf") else { return nil }
            return request.headers["range"] == nil ? HubAnswer(content, for: request).cut(after: 1_000_000) : HubAnswer(status: 503)
        })
        try process.run()
        var told = ""
        while !told.contains("\"retry\"") {
            let piece = output.fileHandleForReading.availableData
            guard !piece.isEmpty else { break }
            told += String(decoding: piece, as: UTF8.self)
        }
        process.interrupt()
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
        let hash = HubServer.Repository(["x.gguf": content]).hash("x.gguf")
        let partial = bench.cache.place("hub/models--acme--big/blobs/\(hash).incomplete")
        let left = try #require(try FileManager.default.attributesOfItem(atPath: partial)[.size] as? Int)
        #expect(left == 1_000_000)
        bench.server.set(fault: nil)
        bench.server.forgetRequests()
        let next = try Invocation("pull", "hf:acme/big", environment: bench.environment)
        #expect(next.status == 0, "\(next.errors)")
        #expect(bench.server.requests.contains { $0.headers["range"] == "bytes=1000000-" })
        #expect(!FileManager.default.fileExists(atPath: partial))
    }
}
