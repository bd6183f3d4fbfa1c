import Foundation
import Generation
import JSON
import Models
import Tensors
import TestSupport
import Testing

@testable import Adapters

/// aLoRA: an adapter that begins where its invocation tokens occur last. Agreement with peft's logits is the conformance suite's.
@Suite struct ActivatedLoRATests {
    static func adapter(_ tokens: JSONValue = [3, 5]) -> TinyAdapter {
        var adapter = TinyAdapter()
        adapter.configuration["alora_invocation_tokens"] = tokens
        return adapter
    }

    static func store(_ adapters: [String: TinyAdapter], _ folder: TemporaryFolder) throws -> AdapterStore {
        for (name, adapter) in adapters { try adapter.write(to: "\(folder.path)/\(name)") }
        let store = AdapterStore(folder: folder.path, base: TinyBase.llama, budgetBytes: 1 << 20, element: .f32)
        _ = store.rescan()
        return store
    }

    @Test(arguments: [
        ([3, 5], [1, 3, 5, 2, 3, 5, 9], 4), ([3, 5], [3, 5], 0), ([3, 5], [5, 3], nil), ([3, 5], [3], nil), ([3, 5], [], nil), ([3, 5], [1, 3, 5, 3], 1),
        ([7], [7, 7, 1], 1), ([4, 4, 4], [4, 4, 4, 4, 4], 2), ([], [1, 2], 0), ([], [], 0),
    ] as [([Int32], [Int32], Int?)])
    func itBeginsAtTheStartOfTheLastOccurrence(invocation: [Int32], tokens: [Int32], start: Int?) {
        #expect(AdapterDelta(layers: 1, invocation: invocation).start(in: tokens) == start)
    }

    /// Whatever part of a sequence a step computes, each token is in one run, under what acts on it.
    @Test func aStepIsCutWhereTheAdapterBegins() {
        let delta = AdapterDelta(layers: 1, invocation: [1])
        for (position, count, start) in [(0, 8, 3), (3, 5, 3), (4, 2, 3), (0, 3, 3), (0, 2, 3), (0, 4, nil), (0, 4, 0)] as [(Int, Int, Int?)] {
            for logits in [StepBatch.Run.Logits.none, .last, .all] {
                let runs = StepBatch.runs(10..<10 + count, at: position, blocks: [0], delta: delta, from: start, logits: logits)
                #expect(runs.flatMap { Array($0.tokens) } == Array(10..<10 + count) && runs.allSatisfy { !$0.tokens.isEmpty })
                for run in runs {
                    #expect(run.startPosition == position + run.tokens.lowerBound - 10)
                    for place in run.startPosition..<run.startPosition + run.tokens.count { #expect((run.delta != nil) == (place >= start ?? .max)) }
                }
                #expect(runs.reduce(0) { $0 + $1.logitsRows } == (logits == .none ? 0 : logits == .last ? 1 : count))
            }
        }
    }

    @Test func itIsReadNamedAndKeptByScales() throws {
        let folder = try TemporaryFolder()
        let store = try Self.store(["a": Self.adapter(), "b": Self.adapter([])], folder)
        let loaded = try store.acquire("a")
        #expect(loaded.delta.invocation == [3, 5] && loaded.summary.notices.contains { $0.contains("[3, 5]") && $0.contains("by the base") })
        #expect(try loaded.scaled(by: 0.5).delta.invocation == [3, 5])
        #expect(try store.acquire("b").delta.invocation.isEmpty)
        let merge = #expect(throws: AdapterError.self) { try store.acquire(AdapterMerge([.init("a", weight: 1), .init("b", weight: 1)])) }
        #expect(merge?.code == .unsupported && merge?.adapter == "a")
        let plain = #expect(throws: AdapterError.self) {
            try AdapterConversion(base: TinyBase.llama).convert("\(folder.path)/a", to: "\(folder.path)/plain", as: .lora)
        }
        #expect(plain?.message.contains("invocation tokens") == true)
    }

    @Test func aGGUFFileSaysTheSame() throws {
        let folder = try TemporaryFolder()
        var file = TinyGGUF(Self.adapter())
        file.set("adapter.alora.invocation_tokens", .unsignedArray([3, 5]))
        try file.write(to: "\(folder.path)/a")
        #expect(try GGUFTests.load("\(folder.path)/a").delta.invocation == [3, 5])
        _ = try AdapterConversion(base: TinyBase.llama).convert("\(folder.path)/a", to: "\(folder.path)/b")
        #expect(try GGUFTests.load("\(folder.path)/b").delta.invocation == [3, 5])
    }

    @Test(arguments: [
        ("alora_invocation_tokens", [3, 16], .otherBase, "token 16"), ("alora_invocation_tokens", [-1], .otherBase, "token -1"),
        ("alora_invocation_tokens", ["x"], .malformed, "alora_invocation_tokens"), ("alora_invocation_tokens", 3, .malformed, "alora_invocation_tokens"),
        ("use_dora", true, .unsupported, "use_dora"), ("modules_to_save", ["lm_head"], .unsupported, "modules_to_save"),
        ("modules_to_save", ["norm"], .unsupported, "modules_to_save"), ("trainable_token_indices", [1], .unsupported, "trainable_token_indices"),
        ("bias", "all", .unsupported, "bias"), ("target_modules", ["q_proj", "v_proj", "embed_tokens"], .unsupported, "target_modules"),
    ] as [(String, JSONValue, AdapterError.Code, String)])
    func refusals(key: String, value: JSONValue, code: AdapterError.Code, words: String) throws {
        var adapter = Self.adapter()
        adapter.configuration[key] = value
        let folder = try TemporaryFolder()
        try adapter.write(to: "\(folder.path)/a")
        let problems = AdapterInspection.inspect(folder: "\(folder.path)/a", base: TinyBase.llama).problems
        #expect(problems.contains { $0.code == code && $0.key?.hasPrefix(key) == true && $0.description.contains(words) }, "\(problems)")
    }
}
