import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing
import Weights

@testable import Adapters

/// LoRA files of llama.cpp give what the PEFT folder gives that they were made from.
@Suite struct GGUFTests {
    static func load(_ folder: String, base: DecoderConfiguration = TinyBase.llama) throws -> PinnedAdapter {
        let parts = folder.split(separator: "/")
        let store = AdapterStore(
            folder: "/" + parts.dropLast().joined(separator: "/"), base: base, budgetBytes: 1 << 20)
        _ = store.rescan()
        return try store.acquire(String(try #require(parts.last)))
    }

    /// Equal to the bit: scale, and each element of A and B.
    static func expectEqual(_ one: AdapterDelta, _ other: AdapterDelta, _ base: DecoderConfiguration) {
        for layer in 0..<base.layers {
            for projection in Projection.allCases {
                let (first, second) = (one[layer, projection]?.lowRank, other[layer, projection]?.lowRank)
                #expect(first?.scale == second?.scale, "\(layer) \(projection)")
                guard let first, let second else { continue }
                #expect(first.rank == second.rank)
                for (left, right, count) in [(first.a, second.a, first.inputs), (first.b, second.b, first.outputs)] {
                    let bytes = 4 * count * first.rank
                    #expect(
                        UnsafeRawBufferPointer(start: left, count: bytes).elementsEqual(UnsafeRawBufferPointer(start: right, count: bytes)),
                        "\(layer) \(projection)")
                }
            }
        }
    }

    // MARK: Against llama.cpp and peft

    @Test(arguments: [
        ("AdaptersTests/Fixtures/tiny/plain", "llama"), ("AdaptersTests/Fixtures/tiny/half", "mistral"),
        ("AdaptersTests/Fixtures/tiny/gemma", "gemma3"), ("ConformanceTests/Fixtures/tiny/embedding", "llama"),
        ("ConformanceTests/Fixtures/tiny/head", "llama"), ("ConformanceTests/Fixtures/tiny/fused-plain", "phi3"),
    ])
    func whatLlamaCppConvertsGivesTheLogitsOfPEFT(path: String, base: String) throws {
        let name = String(try #require(path.split(separator: "/").last))
        let original = "\(LogitsTests.root)/Tests/\(path)"
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(
            atPath: "\(LogitsTests.fixtures)/gguf/\(name).gguf", toPath: try folder.makeFolder("a") + "/\(name).gguf")
        let files = try ModelFiles.open("\(LogitsTests.root)/Tests/ModelsTests/Fixtures/tiny/\(base)")
        let decoder = try StepWorkspace.reference(files, threads: 1)
        let adapter = try Self.load("\(folder.path)/a", base: files.configuration)
        let expected = try SafetensorsFile.open("\(original)/expected.safetensors")
        let tokens = try LogitsTests.values(expected, "tokens", Int32.self)
        let reference = try LogitsTests.values(expected, "logits", Float.self)
        #expect(try LogitsTests.error(LogitsTests.logits(decoder, tokens, adapter.delta), reference) < 1e-4)
        let peft = try Self.load(original, base: files.configuration)
        #expect(try LogitsTests.logits(decoder, tokens, adapter.delta) == LogitsTests.logits(decoder, tokens, peft.delta))
        Self.expectEqual(adapter.delta, peft.delta, files.configuration)
        #expect(adapter.summary.parameters == peft.summary.parameters && adapter.summary.family == "lora")
    }

    @Test func ranksAreThoseOfTheTensors() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(
            atPath: "\(LogitsTests.fixtures)/gguf/patterns.gguf", toPath: try folder.makeFolder("a") + "/patterns.gguf")
        // The format has one alpha for all.
        try FileManager.default.copyItem(atPath: "\(LogitsTests.fixtures)/tiny/patterns", toPath: "\(folder.path)/peft")
        guard case .object(var document) = try JSONValue.parse(try folder.read("peft/adapter_config.json")) else { return }
        document["alpha_pattern"] = [:]
        try folder.write(JSONValue.object(document).serialized(), to: "peft/adapter_config.json")
        let base = try ModelFiles.open("\(LogitsTests.root)/Tests/ModelsTests/Fixtures/tiny/llama").configuration
        let (gguf, peft) = (try Self.load("\(folder.path)/a", base: base), try Self.load("\(folder.path)/peft", base: base))
        #expect(gguf.summary.ranks == 1...7)
        #expect(gguf.summary.notices.contains { $0.contains("use_rslora") && $0.contains("from 1 to 7") } && peft.summary.notices.isEmpty)
        Self.expectEqual(gguf.delta, peft.delta, base)
    }

    // MARK: Elements

    @Test func everyElementTypeIsReadExactly() throws {
        let folder = try TemporaryFolder()
        var adapter = TinyAdapter(rank: 2, targets: Projection.allCases)
        var file = TinyGGUF(adapter)
        // 16 bits: the upper half of an f32, and a half that both types hold.
        let b = [UInt16](repeating: 0x3E80, count: 4 * 2)
        adapter.set(TinyAdapter.b(0, .value), [4, 2], bits: b, dtype: .bf16)
        file.set(.init(name: "blk.0.attn_v.weight.lora_b", shape: [4, 2], type: 30, bytes: b.withUnsafeBytes { Array($0) }))
        let a = [UInt16](repeating: 0x3500, count: 2 * 8)
        adapter.set(TinyAdapter.a(1, .key), [2, 8], bits: a, dtype: .f16)
        file.set(.init(name: "blk.1.attn_k.weight.lora_a", shape: [2, 8], type: 1, bytes: a.withUnsafeBytes { Array($0) }))
        try adapter.write(to: "\(folder.path)/peft")
        try file.write(to: "\(folder.path)/gguf")
        Self.expectEqual(try Self.load("\(folder.path)/gguf").delta, try Self.load("\(folder.path)/peft").delta, TinyBase.llama)
    }

    @Test func quantisedElementsBecomeF32() throws {
        let folder = try TemporaryFolder()
        var base = TinyBase.llama
        base.hidden = 64
        var adapter = TinyAdapter(rank: 2, targets: [.query, .down], base: base)
        var file = TinyGGUF(adapter, base: base)
        var random = SeededRandom(seed: 3)
        for layer in 0..<2 {
            var (bytes, values): ([UInt8], [Float]) = ([], [])
            for scale in [Float16(0.25), -0.125, 0.5, 1] {
                withUnsafeBytes(of: scale.bitPattern.littleEndian) { bytes += $0 }
                for _ in 0..<32 {
                    let step = Int8.random(in: -127...127, using: &random)
                    bytes.append(UInt8(bitPattern: step))
                    values.append(Float(scale) * Float(step))
                }
            }
            file.set(.init(name: "blk.\(layer).attn_q.weight.lora_a", shape: [2, 64], type: 8, bytes: bytes))
            adapter.set(TinyAdapter.a(layer, .query), [2, 64], values)
        }
        try adapter.write(to: "\(folder.path)/peft")
        try file.write(to: "\(folder.path)/gguf")
        let (gguf, peft) = (
            try Self.load("\(folder.path)/gguf", base: base), try Self.load("\(folder.path)/peft", base: base)
        )
        Self.expectEqual(gguf.delta, peft.delta, base)
        let inspection = AdapterInspection.inspect(folder: "\(folder.path)/gguf", base: base)
        #expect(inspection.takesEffect && inspection.format == .gguf && inspection.version == gguf.version)
    }

    @Test(arguments: [Float?.none, 0])
    func withoutAnAlphaTheFactorIsOne(alpha: Float?) throws {
        let folder = try TemporaryFolder()
        var file = TinyGGUF(TinyAdapter(rank: 3), alpha: alpha)
        let other = TinyGGUF(TinyAdapter(rank: 2, targets: [.up]))
        for tensor in other.tensors { file.set(tensor) }
        try file.write(to: "\(folder.path)/a")
        let adapter = try Self.load("\(folder.path)/a")
        #expect(adapter.summary.ranks == 2...3 && adapter.summary.scales == 1...1)
    }

    // MARK: Versions and folders

    @Test func theVersionIsThatOfWhatTheFileSays() throws {
        let folder = try TemporaryFolder()
        let file = TinyGGUF(TinyAdapter())
        var (otherAlpha, otherElement) = (file, file)
        otherAlpha.set("adapter.lora.alpha", .float(5))
        var values = file.values("blk.1.attn_v.weight.lora_b")
        values[7] += 1
        otherElement.set("blk.1.attn_v.weight.lora_b", [4, 2], values)
        for (name, file) in [("one", file), ("alpha", otherAlpha), ("element", otherElement)] { try file.write(to: "\(folder.path)/\(name)") }
        try file.write(to: "\(folder.path)/again", as: "Another.GGUF")
        let versions = try ["one", "alpha", "element"].map { try Self.load("\(folder.path)/\($0)").version }
        #expect(Set(versions).count == 3)
        #expect(try Self.load("\(folder.path)/again").version == versions[0], "the file's name is no matter")
        for (name, version) in zip(["one", "alpha", "element"], versions) {
            let inspection = AdapterInspection.inspect(folder: "\(folder.path)/\(name)", base: TinyBase.llama)
            #expect(inspection.version == version, "read whole or tensor by tensor")
        }
    }

    @Test func aFileThatIsCopiedSlowlyBecomesReadyAndMayBeReplaced() throws {
        let folder = try TemporaryFolder()
        let store = AdapterStoreTests.store(folder)
        let bytes = TinyGGUF(TinyAdapter()).bytes
        _ = try folder.makeFolder("new")
        #expect(store.rescan().notReady["new"] != nil)
        for count in stride(from: 0, to: bytes.count, by: 61) {
            try folder.write(Array(bytes[..<count]), to: "new/tiny.gguf")
            let changes = store.rescan()
            #expect(changes.notReady["new"]?.code == .notReady && changes.isEmpty, "\(count) of \(bytes.count) bytes: \(changes)")
        }
        try folder.write(bytes, to: "new/tiny.gguf")
        #expect(store.rescan().added == ["new"])
        let first = try store.acquire("new")
        try TinyGGUF(TinyAdapter(seed: 9)).write(to: "\(folder.path)/new", as: "tiny.gguf")
        #expect(store.rescan().replaced == ["new"])
        #expect(try store.acquire("new").version != first.version)
        try folder.remove("new/tiny.gguf")
        try TinyAdapter().write(to: "\(folder.path)/new")
        #expect(store.rescan().replaced == ["new"])
        #expect(try store.acquire("new").summary.parameters == first.summary.parameters)
    }

    @Test func aFileIsAddedInAFolderOfItsOwn() throws {
        let (folder, elsewhere) = (try TemporaryFolder(), try TemporaryFolder())
        try TinyGGUF(TinyAdapter()).write(to: elsewhere.path, as: "Little-One.gguf")
        try elsewhere.write("{}", to: "adapter_config.json")
        let store = AdapterStoreTests.store(folder)
        #expect(try store.add(from: "\(elsewhere.path)/Little-One.gguf") == "Little-One")
        #expect(try store.add(from: "\(elsewhere.path)/Little-One.gguf", name: "two") == "two")
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/two") == ["Little-One.gguf"])
        #expect(try store.acquire("Little-One").version == store.acquire("two").version)
        let error = #expect(throws: AdapterError.self) { try store.add(from: "\(elsewhere.path)/adapter_config.json", name: "three") }
        #expect(error?.code == .notFound, "not a folder")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["Little-One", "two"])
    }

    @Test func aLongHeaderIsReadToItsEnd() throws {
        let folder = try TemporaryFolder()
        var file = TinyGGUF(TinyAdapter())
        file.keys.insert(("general.description", .text(String(repeating: "long ", count: 100_000))), at: 3)
        try file.write(to: "\(folder.path)/a")
        #expect(try Self.load("\(folder.path)/a").summary.patchCount == 4)
        var limits = AdapterLimits()
        limits.headerBytes = 400_000
        let inspection = AdapterInspection.inspect(folder: "\(folder.path)/a", base: TinyBase.llama, limits: limits)
        #expect(inspection.problems.first?.code == .limitExceeded, "\(inspection.problems)")
    }
}
