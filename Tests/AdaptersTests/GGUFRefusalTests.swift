import Foundation
import Models
import TestSupport
import Testing

@testable import Adapters

/// What is wrong with a LoRA file of llama.cpp is refused in the file's own words.
@Suite struct GGUFRefusalTests {
    private static func refusal(
        _ change: (inout TinyGGUF) -> Void = { _ in }, files: (TemporaryFolder) throws -> Void = { _ in }
    ) throws -> AdapterError {
        let folder = try TemporaryFolder()
        var file = TinyGGUF(TinyAdapter())
        change(&file)
        try file.write(to: "\(folder.path)/a", as: "tiny.gguf")
        try files(folder)
        let store = AdapterStoreTests.store(folder)
        _ = store.rescan()
        let error = try #require(throws: AdapterError.self) { _ = try store.acquire("a") }
        #expect(error.adapter == "a" && store.status("a")?.isServable == false)
        #expect(error.file?.hasSuffix(".gguf") == true, "\(error)")
        let inspection = AdapterInspection.inspect(folder: "\(folder.path)/a", base: TinyBase.llama)
        #expect(inspection.problems.first?.code == error.code && !inspection.takesEffect)
        #expect(inspection.problems.first?.tensor == error.tensor)
        return error
    }

    @Test(arguments: [
        ("general.type", TinyGGUF.Value.text("model"), AdapterError.Code.unsupported), ("adapter.type", .text("control"), .unsupported),
        ("general.architecture", .text("qwen2"), .otherBase), ("general.architecture", .text("mamba"), .otherBase),
        ("adapter.alora.invocation_tokens", .unsignedArray([1, 16]), .otherBase), ("adapter.alora.invocation_tokens", .text("x"), .malformed), ("adapter.lora.rank_stabilised", .unsigned(1), .unsupported),
        ("something.else", .text("x"), .unsupported), ("split.count", .unsigned(2), .unsupported), ("adapter.lora.alpha", .text("8"), .malformed),
        ("adapter.lora.alpha", .float(.nan), .malformed),
    ])
    func aKey(key: String, value: TinyGGUF.Value, code: AdapterError.Code) throws {
        let error = try Self.refusal { $0.set(key, value) }
        #expect(error.code == code && error.key?.contains(key) == true, "\(error)")
    }

    @Test func keysThatAreMissing() throws {
        #expect(try Self.refusal { $0.set("general.type", nil) }.message.contains("convert_lora_to_gguf"))
        #expect(try Self.refusal { $0.set("adapter.type", nil) }.key == "adapter.type")
        #expect(try Self.refusal { $0.set("general.architecture", nil) }.key == "general.architecture")
    }

    @Test func whatIsForPeopleAndClientsIsFine() throws {
        let folder = try TemporaryFolder()
        var file = TinyGGUF(TinyAdapter())
        file.set("adapter.lora.task_name", .text("sql"))
        file.set("adapter.lora.prompt_prefix", .text("query: "))
        file.set("llama.block_count", .unsigned(2))
        try file.write(to: "\(folder.path)/a")
        #expect(AdapterInspection.inspect(folder: "\(folder.path)/a", base: TinyBase.llama).problems.isEmpty)
    }

    @Test(arguments: [
        ("blk.0.attn_norm.weight", AdapterError.Code.unreadTensor, "nothing would read it"), ("blk.0.attn_qkv.weight.lora_a", .unreadTensor, "nothing"),
        ("blk.2.attn_q.weight.lora_a", .otherBase, "layers 0 to 1"), ("blk.99999999999999999999.attn_q.weight.lora_a", .unreadTensor, "nothing"),
        ("blk.-1.attn_q.weight.lora_a", .unreadTensor, "nothing"), ("blk.0.ffn_up.weight.lora_a", .missingTensor, "lora_a"),
        ("blk.0.ffn_up.weight.lora_b", .missingTensor, "lora_b"), ("\u{1B}[31m", .unreadTensor, "nothing"), ("", .unreadTensor, "nothing"),
    ])
    func aTensor(name: String, code: AdapterError.Code, reason: String) throws {
        let error = try Self.refusal { $0.set(name, [2, 8], [Float](repeating: 1, count: 16)) }
        #expect(error.code == code && error.message.contains(reason), "\(error)")
        #expect(error.tensor?.hasPrefix(String(name.dropLast())) == true)
        #expect(!error.description.contains("\u{1B}"))
    }

    @Test func shapesAndTypes() throws {
        let (a, b) = ("blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b")
        let width = try Self.refusal { $0.set(a, [2, 9], [Float](repeating: 1, count: 18)) }
        #expect(width.code == .otherBase && width.tensor == a && width.message.contains("[2, 9], expected [2, 8]"), "\(width)")
        #expect(width.message.contains("someone/tiny"))
        let outputs = try Self.refusal { $0.set(b, [7, 2], [Float](repeating: 1, count: 14)) }
        #expect(outputs.code == .otherBase && outputs.tensor == b)
        let rank = try Self.refusal { $0.set(a, [3, 8], [Float](repeating: 1, count: 24)) }
        #expect(rank.code == .wrongShape && rank.message.contains("rank 2"), "\(rank)")
        let vector = try Self.refusal { $0.set(a, [16], [Float](repeating: 1, count: 16)) }
        #expect(vector.code == .wrongShape && vector.message.contains("matrix"))
        let integers = try Self.refusal { $0.set(.init(name: a, shape: [2, 8], type: 26, bytes: [UInt8](repeating: 1, count: 64))) }
        #expect(integers.code == .wrongShape && integers.message.contains("i32"))
        let empty = try Self.refusal {
            $0.set(a, [0, 8], [])
            $0.set(b, [8, 0], [])
        }
        #expect(empty.code == .limitExceeded && empty.tensor == b, "\(empty)")
        #expect(try Self.refusal { $0.tensors = [] }.code == .noEffect)
    }

    @Test func elementsInTheWordsOfTheFile() throws {
        let b = "blk.1.attn_q.weight.lora_b"
        let error = try Self.refusal {
            var values = $0.values(b)
            values[5] = .infinity
            $0.set(b, [8, 2], values)
        }
        #expect(error.code == .nonFinite && error.tensor == b && error.file == "tiny.gguf", "\(error)")
        let zero = try Self.refusal { file in
            for tensor in file.tensors where tensor.name.hasSuffix("lora_b") {
                file.set(tensor.name, tensor.shape, [Float](repeating: 0, count: tensor.bytes.count / 4))
            }
        }
        #expect(zero.code == .noEffect && zero.tensor?.hasSuffix("lora_b") == true)
    }

    @Test func anotherVocabulary() throws {
        let embedding = try Self.refusal {
            $0.set("token_embd.weight.lora_a", [17, 2], [Float](repeating: 1, count: 34))
            $0.set("token_embd.weight.lora_b", [8, 2], [Float](repeating: 1, count: 16))
        }
        #expect(embedding.code == .otherBase && embedding.tensor == "token_embd.weight.lora_a", "\(embedding)")
        let head = try Self.refusal {
            $0.set("output.weight.lora_a", [2, 8], [Float](repeating: 1, count: 16))
            $0.set("output.weight.lora_b", [15, 2], [Float](repeating: 1, count: 30))
        }
        #expect(head.code == .otherBase && head.tensor == "output.weight.lora_b", "\(head)")
    }

    // MARK: Files

    @Test func twoAdaptersInOneFolder() throws {
        let two = try Self.refusal(files: { try TinyGGUF(TinyAdapter()).write(to: "\($0.path)/a", as: "other.gguf") })
        #expect(two.code == .unsupported && two.message.contains("other.gguf, tiny.gguf") && two.message.contains("own"), "\(two)")
        for file in ["adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"] {
            let both = try Self.refusal(files: { try $0.write("{}", to: "a/\(file)") })
            #expect(both.code == .unsupported && both.message.contains(file) && both.message.contains("Move"), "\(both)")
        }
    }

    @Test func aLinkThatLeavesTheFolder() throws {
        let error = try Self.refusal(files: { folder in
            try FileManager.default.moveItem(atPath: "\(folder.path)/a/tiny.gguf", toPath: "\(folder.path)/outside.gguf")
            try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/a/tiny.gguf", withDestinationPath: "../outside.gguf")
        })
        #expect(error.code == .unsafePath)
    }

    /// Every byte of the header, changed: refused or read, never a crash, and never taken for what it is not.
    @Test func hostileHeaders() throws {
        let folder = try TemporaryFolder()
        let file = TinyGGUF(TinyAdapter(targets: [.value]))
        let (whole, header) = (file.bytes, file.headerBytes)
        var random = SeededRandom(seed: 5)
        _ = try folder.makeFolder("a")
        for position in 0..<header {
            var bytes = whole
            bytes[position] = position % 2 == 0 ? 0xFF : UInt8.random(in: 0...255, using: &random)
            try folder.write(bytes, to: "a/tiny.gguf")
            let inspection = AdapterInspection.inspect(folder: "\(folder.path)/a", base: TinyBase.llama)
            #expect(inspection.problemCount > 0 || inspection.effects.count == 2, "byte \(position)")
        }
    }
}
