import Foundation
import Hub
import HubSupport
import TestSupport
import Testing

/// What is found without the network.
@Suite struct CachedTests {
    @Test func offlineTheCacheAnswersAlone() throws {
        let bench = try HubBench()
        let pulled = try bench.pull()
        bench.server.forgetRequests()
        let found = try bench.hub(isOffline: true).pull(HubReference("hf:acme/tiny"))
        #expect(found.folder == pulled.folder && found.commit == pulled.commit && found.files.count == 5 && found.card.license == "mit")
        #expect(bench.server.requests.isEmpty)
        let error = try #require(throws: HubError.self) { try bench.hub(isOffline: true).pull(HubReference("hf:acme/other")) }
        #expect(error.code == .offline && error.message.contains("lmoe pull hf:acme/other"))
        #expect(throws: HubError.self) { try bench.hub(isOffline: true).pull(HubReference("hf:acme/tiny@v2")) }
    }

    @Test func whatWasPulledIsResolvedWithoutAQuestion() throws {
        let bench = try HubBench()
        let first = try bench.hub().resolve(HubReference("hf:acme/tiny"))
        #expect(first.fetchedFiles == 5)
        bench.server.forgetRequests()
        #expect(try bench.hub().resolve(HubReference("hf:acme/tiny")).folder == first.folder)
        #expect(try bench.hub().resolve(HubReference("hf:acme/tiny@\(first.commit)")).folder == first.folder)
        #expect(bench.server.requests.isEmpty)
    }

    @Test(arguments: ["model.safetensors", "config.json", "tokenizer.json"])
    func aSnapshotWithoutAPartIsNotWhole(name: String) throws {
        let bench = try HubBench()
        let snapshot = try bench.pull()
        try FileManager.default.removeItem(atPath: "\(snapshot.folder)/\(name)")
        #expect(try bench.hub().cached(HubReference("acme/tiny")) == nil)
        #expect(try bench.hub().resolve(HubReference("acme/tiny")).files.count == 5, "it is completed")
    }

    @Test func aLinkToNothingIsNotThere() throws {
        let bench = try HubBench()
        try bench.pull()
        try bench.folder.remove(bench.weightsBlob)
        #expect(try bench.hub().cached(HubReference("acme/tiny")) == nil)
    }

    @Test func shardsOfTheIndexMustAllBeThere() throws {
        let bench = try HubBench()
        let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
        var repository = HubServer.Repository([
            "config.json": HubBench.config, "tokenizer.json": Array("{}".utf8), shards[0]: [1], shards[1]: [2],
            "model.safetensors.index.json": Array(#"{"weight_map": {"a": "\#(shards[0])", "b": "\#(shards[1])"}}"#.utf8),
        ])
        repository.card = "null"
        bench.server.set("acme/large", repository)
        let snapshot = try bench.pull("hf:acme/large")
        #expect(try bench.hub().cached(HubReference("acme/large")) != nil)
        try FileManager.default.removeItem(atPath: "\(snapshot.folder)/\(shards[1])")
        #expect(try bench.hub().cached(HubReference("acme/large")) == nil)
    }

    @Test func oneGGUFOfSeveralIsFoundByItsWord() throws {
        let bench = try HubBench()
        bench.server.set("acme/gguf", HubServer.Repository(["x-Q4_K_M.gguf": [1, 2], "x-Q8_0.gguf": [3]]))
        let pulled = try bench.pull("hf:acme/gguf:Q4_K_M")
        #expect(pulled.path.hasSuffix("/x-Q4_K_M.gguf") && pulled.files.count == 1)
        #expect(try bench.hub(isOffline: true).pull(HubReference("acme/gguf:Q4_K_M")).path == pulled.path)
        #expect(try bench.hub(isOffline: true).pull(HubReference("acme/gguf")).path == pulled.path, "it is the only one in the cache")
        #expect(try bench.hub().cached(HubReference("acme/gguf:Q8_0")) == nil)
    }

    @Test func filesOfAPatternAreFoundWithoutTheWeights() throws {
        let bench = try HubBench()
        let wish = FileWish(include: ["*.json"])
        #expect(try bench.pull("hf:acme/tiny", wish).fetchedFiles == 3, "with the model card")
        #expect(try bench.hub(isOffline: true).pull(HubReference("acme/tiny"), wish).files.count == 3)
        #expect(try bench.hub().cached(HubReference("acme/tiny")) == nil)
    }

    @Test func aReferenceThatNamesNoCommitIsNone() throws {
        let bench = try HubBench()
        try bench.pull()
        try bench.folder.write("../../../etc", to: "\(bench.repository)/refs/main")
        #expect(try bench.hub().cached(HubReference("acme/tiny")) == nil)
    }
}
