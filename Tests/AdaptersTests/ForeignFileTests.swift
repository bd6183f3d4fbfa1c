import Foundation
import JSON
import Models
import Testing

@testable import Adapters

/// Files that are not what their names say, and folders in which something else lies: the message says what, and what to do.
@Suite struct ForeignFileTests {
    static let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"

    static let contents: [(what: String, bytes: [UInt8], code: AdapterError.Code, words: String)] = [
        ("LFS", Array(pointer.utf8), .malformed, "git lfs pull"),
        ("HTML", Array("<!DOCTYPE html><html><body>Sign in</body></html>".utf8), .malformed, "web page"),
        ("HTML after space", Array("\n\n  <html lang=\"en\">".utf8), .malformed, "web page"),
        ("XML", Array("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>".utf8), .malformed, "web page (HTML) or XML"),
        ("JSON", Array("{\"error\": \"Repository not found\"}".utf8), .malformed, "text that begins with"),
        ("plain text", Array("Access to this model is restricted.".utf8), .malformed, "text that begins with"),
        ("zip", [0x50, 0x4B, 0x03, 0x04, 0x14, 0, 0, 0, 8, 0], .pickle, "convert-pickle"),
        ("gzip", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2], .malformed, "gzip"),
        ("zstd", [0x28, 0xB5, 0x2F, 0xFD, 0, 0, 0, 0, 1], .malformed, "zstd"),
        ("GGUF", Array("GGUF".utf8) + [3, 0, 0, 0, 0, 0, 0, 0], .malformed, ".gguf"),
        ("pickle", [0x80, 4, 0x95, 0, 0, 0, 0, 0, 0, 0, 0x7D], .pickle, "pickle"),
        ("tar", [UInt8](repeating: 0x61, count: 257) + Array("ustar".utf8) + [0], .malformed, "tar"),
        ("empty", [], .notReady, "0 bytes"),
        ("zeros", [UInt8](repeating: 0, count: 4096), .notReady, "zeros"),
    ]

    @Test(arguments: contents.indices)
    func weightsAreNamedForWhatTheyAre(index: Int) throws {
        let (what, bytes, code, words) = Self.contents[index]
        let error = try RefusalTests.refusal(files: { try $0.write(bytes, to: "a/adapter_model.safetensors") })
        #expect(error.code == code && error.file == "adapter_model.safetensors", "\(what): \(error)")
        #expect(error.message.contains(words) && error.message.count < 300, "\(what): \(error)")
    }

    @Test(arguments: [
        (Array(pointer.utf8), "git lfs pull"), (Array("<html>".utf8), "web page"), ([0x1F, 0x8B, 8, 0], "gzip"),
        ([0xFF, 0xFE] + "{}".utf8.flatMap { [$0, 0] }, "UTF-16"), ("{\"r\": 1}".utf8.flatMap { [$0, 0] }, "UTF-16"),
        (Array("{\"peft_type\": \"LORA\",}".utf8), "not valid JSON"), (Array("{'peft_type': 'LORA'}".utf8), "not valid JSON"),
        (Array("{\"peft_type\": \"LORA\" // a comment\n}".utf8), "not valid JSON"), (Array("peft_type: LORA".utf8), "not valid JSON"),
    ] as [([UInt8], String)])
    func aConfigurationIsNamedForWhatItIs(bytes: [UInt8], words: String) throws {
        let error = try RefusalTests.refusal(files: { try $0.write(bytes, to: "a/adapter_config.json") })
        #expect(error.code == .malformed && error.file == "adapter_config.json" && error.message.contains(words), "\(error)")
    }

    @Test(arguments: ["", " \n", "{", "{\"a\": [1, 2", "{\"a\": \"b", "{\"a\": \"b\\"])
    func aConfigurationThatEndsTooEarlyWaits(text: String) throws {
        let error = try RefusalTests.refusal(files: { try $0.write(text, to: "a/adapter_config.json") })
        #expect(error.code == .notReady, "\(error)")
    }

    @Test(arguments: [
        (["model.safetensors"], "rename it to adapter_model.safetensors"), (["adapter.safetensors"], "rename it"),
        (["adapter_model-00001-of-00002.safetensors", "adapter_model-00002-of-00002.safetensors"], "adapter_model.safetensors.index.json"),
        (["adapters.safetensors"], "adapters convert"), (["adapter_model.safetensors.part"], "download that has not ended"),
        (["weights.zip"], "unpack it"), (["notes.md"], "the folder holds \"adapter_config.json\", \"notes.md\""),
    ] as [([String], String)])
    func missingWeightsAreReportedWithWhatLiesThere(names: [String], words: String) throws {
        let folder = try TemporaryFolder()
        try TinyAdapter().write(to: "\(folder.path)/a")
        try folder.remove("a/adapter_model.safetensors")
        for name in names { try folder.write("x", to: "a/\(name)") }
        var limits = AdapterLimits()
        (limits.settleMilliseconds, limits.arrivalMilliseconds) = (0, 0)
        let store = AdapterStore(folder: folder.path, base: TinyBase.llama, budgetBytes: 1 << 20, limits: limits)
        let changes = store.rescan()
        #expect(changes.stalled["a"]?.file == "adapter_model.safetensors" && changes.stalled["a"]?.message.contains(words) == true, "\(changes)")
        #expect(store.rescan().isEmpty && store.status("a")?.state.name == "notReady" && store.status("a")?.unusableSince != nil)
    }

    // MARK: Shards

    private func shards(_ folder: TemporaryFolder, _ change: (inout [String: String]) -> Void = { _ in }) throws -> String {
        let whole = TinyAdapter(targets: Projection.allCases)
        var map: [String: String] = [:]
        for part in 0..<2 {
            var shard = TinyAdapter(targets: [])
            for (place, name) in whole.tensors.keys.sorted().enumerated() where place % 2 == part {
                shard.tensors[name] = whole.tensors[name]
                map[name] = "adapter_model-0000\(part + 1)-of-00002.safetensors"
            }
            try shard.write(to: "\(folder.path)/part\(part)")
            _ = try folder.makeFolder("a")
            try folder.write(try folder.read("part\(part)/adapter_model.safetensors"), to: "a/adapter_model-0000\(part + 1)-of-00002.safetensors")
        }
        change(&map)
        try folder.write(Array(JSONValue.object(whole.configuration).serializedBytes()), to: "a/adapter_config.json")
        let index: JSONValue = ["metadata": [:], "weight_map": .object(JSONObject(map.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))]
        try folder.write(index.serializedBytes(), to: "a/adapter_model.safetensors.index.json")
        try whole.write(to: "\(folder.path)/whole")
        for part in 0..<2 { try folder.remove("part\(part)") }
        return "\(folder.path)/a"
    }

    @Test func shardsWithAnIndexAreReadLikeOneFile() throws {
        let folder = try TemporaryFolder()
        let path = try shards(folder)
        let store = AdapterStoreTests.store(folder)
        #expect(store.rescan().added == ["a", "whole"])
        let (sharded, whole) = (try store.acquire("a"), try store.acquire("whole"))
        GGUFTests.expectEqual(sharded.delta, whole.delta, TinyBase.llama)
        let inspection = AdapterInspection.inspect(folder: path, base: TinyBase.llama)
        #expect(inspection.takesEffect && inspection.version == sharded.version && inspection.tensors.count == 28)
        _ = try ConversionTests.conversion.convert(path, to: "\(folder.path)/made")
        _ = store.rescan()
        GGUFTests.expectEqual(try store.acquire("made").delta, whole.delta, TinyBase.llama)
        // A shard is a file of the adapter: another one makes another version.
        try folder.write([], to: "a/adapter_model-00002-of-00002.safetensors")
        _ = store.rescan()
        #expect(store.status("a")?.state.name == "stale" && store.status("a")?.state.reason?.file == "adapter_model-00002-of-00002.safetensors")
    }

    static let badIndices: [(change: @Sendable (inout [String: String]) -> Void, code: AdapterError.Code)] = [
        ({ $0["more"] = "adapter_model-00001-of-00002.safetensors" }, .missingTensor), ({ $0[$0.keys.min() ?? ""] = nil }, .malformed),
        ({ $0["more"] = "../x.safetensors" }, .unsafePath), ({ $0["more"] = "/etc/x.safetensors" }, .unsafePath),
        ({ $0["more"] = "x.bin" }, .unsafePath), ({ $0["more"] = "adapter_model-00003.safetensors" }, .notReady), ({ $0 = [:] }, .malformed),
    ]

    @Test(arguments: badIndices.indices)
    func anIndexThatDoesNotFitIsRefused(index: Int) throws {
        let folder = try TemporaryFolder()
        let path = try shards(folder, Self.badIndices[index].change)
        let problems = AdapterInspection.inspect(folder: path, base: TinyBase.llama).problems
        #expect(problems.first?.code == Self.badIndices[index].code, "\(problems)")
    }

    // MARK: Hugging Face's cache

    @Test func aSnapshotOfTheCacheIsFollowed() throws {
        let (cache, folder) = (try TemporaryFolder(), try TemporaryFolder())
        try TinyAdapter().write(to: "\(cache.path)/source")
        let revision = try cache.makeFolder("models--someone--tiny/snapshots/0123abcd")
        _ = try cache.makeFolder("models--someone--tiny/blobs")
        // One content lies in the store that all repositories of the cache share.
        _ = try cache.makeFolder("blobs/5a")
        try cache.link("models--someone--tiny/blobs/beef", to: "../../blobs/5a/5abeef")
        for (name, blob) in [("adapter_config.json", "c0ffee"), ("adapter_model.safetensors", "beef")] {
            try cache.write(try cache.read("source/\(name)"), to: blob == "beef" ? "blobs/5a/5abeef" : "models--someone--tiny/blobs/\(blob)")
            try FileManager.default.createSymbolicLink(atPath: "\(revision)/\(name)", withDestinationPath: "../../blobs/\(blob)")
        }
        let store = AdapterStoreTests.store(folder)
        _ = store.rescan()
        try store.add(from: revision, name: "tiny")
        #expect(try store.acquire("tiny").summary.family == "lora")
        #expect(AdapterInspection.inspect(folder: revision, base: TinyBase.llama).takesEffect)
        _ = try ConversionTests.conversion.convert(revision, to: "\(folder.path)/made")
        // Links out of the repository are not followed, nor are those of a folder that is no snapshot.
        try cache.write("x", to: "secret")
        try FileManager.default.createSymbolicLink(atPath: "\(revision)/chat_template.jinja", withDestinationPath: "../../../secret")
        #expect(#expect(throws: AdapterError.self) { try store.add(from: revision, name: "other") }?.code == .unsafePath)
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/linked", withDestinationPath: revision)
        #expect(store.rescan().rejected["linked"]?.code == .unsafePath)
    }

    // MARK: Names

    static let otherNames = [
        "base_model.model.model.layers.0._orig_mod.self_attn.q_proj.lora_A.weight",
        "_orig_mod.base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.0._checkpoint_wrapped_module.self_attn.q_proj.lora_A.weight",
        "base_model.model._fsdp_wrapped_module.model.layers.0._fsdp_wrapped_module.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight", "module.base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
        "model.layers.0.self_attn.q_proj.lora_A.weight",
    ]

    @Test(arguments: otherNames)
    func namesOfOtherToolsAreConvertedAndCheckSaysSo(name: String) throws {
        let folder = try TemporaryFolder()
        var adapter = TinyAdapter()
        let values = adapter.values(TinyAdapter.a(0, .query))
        adapter.tensors[TinyAdapter.a(0, .query)] = nil
        adapter.set(name, [2, 8], values)
        try adapter.write(to: "\(folder.path)/other")
        try TinyAdapter().write(to: "\(folder.path)/own")
        let problems = AdapterInspection.inspect(folder: "\(folder.path)/other", base: TinyBase.llama).problems
        #expect(problems.contains { $0.tensor == name && $0.message.contains("lmoe adapters convert") }, "\(problems)")
        let outcome = try ConversionTests.conversion.convert("\(folder.path)/other", to: "\(folder.path)/made")
        #expect(outcome.renamedCount == 1)
        GGUFTests.expectEqual(
            try GGUFTests.load("\(folder.path)/made").delta, try GGUFTests.load("\(folder.path)/own").delta, TinyBase.llama)
    }

    @Test(arguments: [
        "base_model.model.lm_head.modules_to_save.default.weight", "base_model.model.model.embed_tokens.modules_to_save.sql.weight",
        "base_model.model.lm_head._orig_mod.weight", "base_model.model.lm_head.original_module.weight",
        "base_model.model.lm_head.lora_A.default.weight", "base_model.model.model.embed_tokens.lora_embedding_A.default",
    ])
    func checkNamesTheConversionForModulesOutsideTheLayers(name: String) throws {
        let folder = try TemporaryFolder()
        var adapter = TinyAdapter()
        adapter.set(name, [2, 8], Array(repeating: 1, count: 16))
        try adapter.write(to: "\(folder.path)/other")
        let problems = AdapterInspection.inspect(folder: "\(folder.path)/other", base: TinyBase.llama).problems
        #expect(problems.contains { $0.tensor == name && $0.message.contains("lmoe adapters convert") }, "\(problems)")
    }

    @Test func modulesAsPeftHoldsThemInMemory() {
        func name(_ name: String) -> String { CanonicalName(name).name }
        #expect(name("base_model.model.lm_head.modules_to_save.default.weight") == "base_model.model.lm_head.weight")
        #expect(name("base_model.model.model.embed_tokens.modules_to_save.sql.weight") == "base_model.model.model.embed_tokens.weight")
        #expect(CanonicalName("base_model.model.lm_head.original_module.weight").isBaseCopy)
        #expect(name("model.embed_tokens.base_layer.weight") == "base_model.model.model.embed_tokens.base_layer.weight")
        #expect(name("base_model.model.lm_head.weight") == "base_model.model.lm_head.weight")
        #expect(name("something.else") == "something.else" && CanonicalName.hint("something.else").isEmpty)
    }

    // MARK: Configurations

    @Test(arguments: ["lora_alpha", "r"]) func aNumberThatIsNullIsRefused(key: String) throws {
        let error = try RefusalTests.refusal { $0.configuration[key] = nil as JSONValue }
        #expect(error.code == .malformed && error.key == key && error.message.contains("null"), "\(error)")
    }

    @Test func aNumberThatIsNotThereHasItsDefault() throws {
        let folder = try TemporaryFolder()
        var adapter = TinyAdapter(rank: 8)
        adapter.configuration = JSONObject(adapter.configuration.filter { $0.key != "lora_alpha" && $0.key != "r" }.map { ($0.key, $0.value) })
        try adapter.write(to: "\(folder.path)/a")
        #expect(AdapterInspection.inspect(folder: "\(folder.path)/a", base: TinyBase.llama).summary?.alpha == 8)
    }

    @Test(arguments: [
        ("LOKR", "save_as_lora"), ("VBLORA", "does the same"), ("OFT", "merge_and_unload"), ("PREFIX_TUNING", "train a LoRA"), ("XLORA", "one by one"),
        ("TOMORROW", "supports_lora_conversion"), ("BEFT", "biases alone"), ("SHIRA", ": merge it"), ("LILY", "train a LoRA"), ("PVERA", ": merge it"),
        ("BONE", "convert-bone-to-miss.py"),
    ])
    func aFamilyThatIsNotServedGetsAWayOut(type: String, words: String) throws {
        let error = try RefusalTests.refusal { $0.configuration["peft_type"] = .string(type) }
        #expect(error.code == .unsupported && error.key == "peft_type" && error.message.contains(words) && error.message.contains("LORA"), "\(error)")
    }

    /// `PeftType` of PEFT 0.21.2: each is served or has advice of its own, not that for a type of tomorrow.
    @Test(arguments: [
        "PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "LORA", "ADALORA", "ADAMSS", "BOFT", "ADAPTION_PROMPT", "IA3", "BEFT",
        "LILY", "LOHA", "LOKR", "OFT", "POLY", "LN_TUNING", "VERA", "FROD", "PVERA", "FOURIERFT", "GLORA", "XLORA", "HRA", "VBLORA", "UNILORA", "CPT",
        "MISS", "RANDLORA", "ROAD", "TRAINABLE_TOKENS", "HIRA", "SHIRA", "C3A", "WAVEFT", "OSF", "DELORA", "GRALORA", "CARTRIDGE", "TINYLORA", "PSOFT",
        "PEANUT", "SHADOW", "SUPERTUNING", "DEFT",
    ])
    func everyTypeOfPEFTIsServedOrHasItsWayOut(type: String) throws {
        let manifest = try AdapterManifest(["peft_type": .string(type)])
        let isServed = AdapterRegistry.standard.families.filter { $0.recognises(manifest) }.count == 1
        #expect(isServed != (ForeignFamily.wayOut(type) != ForeignFamily.wayOut("TOMORROW")))
    }
}
