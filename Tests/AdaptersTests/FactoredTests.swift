import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing

@testable import Adapters

/// AdaLoRA, LoHa, MiSS and DeLoRA: each is a product of two matrices. Agreement with peft's logits is the conformance suite's.
@Suite struct FactoredTests {
    static let base = TinyBase.llama

    static func name(_ part: String, _ layer: Int = 0, _ projection: Projection = .query) -> String {
        "base_model.model.\(TinyAdapter.module(layer, projection)).\(part)"
    }

    /// Tensors of these shapes for query and down of all layers; `o` and `i` stand for outputs and inputs.
    static func adapter(_ configuration: JSONObject, _ parts: [String: (_ o: Int, _ i: Int) -> [Int]]) -> TinyAdapter {
        var adapter = TinyAdapter(targets: [])
        adapter.configuration = configuration
        adapter.configuration["task_type"] = "CAUSAL_LM"
        adapter.configuration["target_modules"] = ["q_proj", "down_proj"]
        var random = SeededRandom(seed: 3)
        for layer in 0..<base.layers {
            for projection in [Projection.query, .down] {
                let (outputs, inputs) = projection.shape(in: base)
                for (part, shape) in parts.sorted(by: { $0.key < $1.key }) {
                    adapter.setRandom(name(part, layer, projection), shape(outputs, inputs), &random)
                }
            }
        }
        return adapter
    }

    static let adaptive = adapter(
        ["peft_type": "ADALORA", "init_r": 4, "lora_alpha": 6, "total_step": 10],
        ["lora_A": { [4, $1] }, "lora_B": { o, _ in [o, 4] }, "lora_E": { _, _ in [4, 1] }])
    static let hadamard = adapter(
        ["peft_type": "LOHA", "r": 2, "alpha": 5],
        ["hada_w1_a": { o, _ in [o, 2] }, "hada_w2_a": { o, _ in [o, 2] }, "hada_w1_b": { [2, $1] }, "hada_w2_b": { [2, $1] }])
    static let shards = adapter(["peft_type": "MISS", "r": 3], ["miss_block": { o, _ in [3, o] }])
    static let bounded = adapter(
        ["peft_type": "DELORA", "r": 2],
        ["delora_A": { [2, $1] }, "delora_B": { o, _ in [o, 2] }, "delora_lambda": { _, _ in [1] }, "delora_w_norm": { [$1] }])

    static func store(_ folder: TemporaryFolder, _ adapter: TinyAdapter, _ element: LowRank.Element = .f32) throws -> AdapterStore {
        try adapter.write(to: "\(folder.path)/a")
        let store = AdapterStore(folder: folder.path, base: base, budgetBytes: 1 << 20, element: element)
        _ = store.rescan()
        return store
    }

    static func refusal(_ adapter: TinyAdapter, _ change: (inout TinyAdapter) -> Void) throws -> AdapterError {
        let folder = try TemporaryFolder()
        var adapter = adapter
        change(&adapter)
        let store = try store(folder, adapter)
        return try #require(throws: AdapterError.self) { _ = try store.acquire("a") }
    }

    /// The change of a matrix, `[outputs, inputs]`.
    static func change(_ adapter: TinyAdapter, _ projection: Projection = .query) throws -> [Float] {
        let folder = try TemporaryFolder()
        let pair = try #require(try store(folder, adapter).acquire("a").delta[0, projection]?.lowRank)
        let (a, b) = pair.factors
        return (0..<pair.outputs * pair.inputs).map { index in
            let (output, input) = (index / pair.inputs, index % pair.inputs)
            return pair.scale * (0..<pair.rank).reduce(Float(0)) { $0 + b[$1 * pair.outputs + output] * a[$1 * pair.inputs + input] }
        }
    }

    static func expect(_ adapter: TinyAdapter, _ projection: Projection = .query, _ formula: (_ o: Int, _ i: Int) -> Float) throws {
        let (change, inputs) = (try change(adapter, projection), projection.shape(in: base).inputs)
        for (index, value) in change.enumerated() {
            #expect(abs(value - formula(index / inputs, index % inputs)) < 1e-5, "\(index)")
        }
    }

    // MARK: Formulas

    @Test func anAdaptiveLoRAKeepsTheFactorOfItsFirstRank() throws {
        var adapter = Self.adaptive
        func expect(_ rank: Int, alpha: Float) throws {
            let (a, b, e) = (adapter.values(Self.name("lora_A")), adapter.values(Self.name("lora_B")), adapter.values(Self.name("lora_E")))
            try Self.expect(adapter) { output, input in
                alpha / 4.00001 * (0..<rank).reduce(Float(0)) { $0 + b[output * rank + $1] * e[$1] * a[$1 * 8 + input] }
            }
        }
        try expect(4, alpha: 6)
        adapter.configuration["lora_alpha"] = 0
        try expect(4, alpha: 4)
        // One rank was taken away.
        for (part, shape) in [("lora_A", [3, 8]), ("lora_B", [8, 3]), ("lora_E", [3, 1])] {
            adapter.set(Self.name(part), shape, (0..<shape[0] * shape[1]).map { Float($0) / 16 })
        }
        adapter.configuration["rank_pattern"] = ["model.layers.0.self_attn.q_proj.lora_E": [true, false, true, true]]
        try expect(3, alpha: 4)
    }

    @Test func aModuleMayHaveLostAllItsRanks() throws {
        var adapter = Self.adaptive
        for (part, shape) in [("lora_A", [0, 8]), ("lora_B", [8, 0]), ("lora_E", [0, 1])] { adapter.set(Self.name(part), shape, []) }
        adapter.configuration["rank_pattern"] = ["model.layers.0.self_attn.q_proj.lora_E": [false, false, false, false]]
        let folder = try TemporaryFolder()
        let loaded = try Self.store(folder, adapter).acquire("a")
        #expect(loaded.delta[0, .query] == nil && loaded.delta[1, .query] != nil)
        #expect(loaded.summary.ranks == 0...4 && loaded.summary.patchCount == 4)
    }

    @Test func aHadamardProductHasAllPairsOfRanks() throws {
        func expect(_ adapter: TinyAdapter, _ rank: Int) throws {
            let values = ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"].map { adapter.values(Self.name($0)) }
            func product(_ a: [Float], _ b: [Float], _ o: Int, _ i: Int) -> Float { (0..<rank).reduce(0) { $0 + a[o * rank + $1] * b[$1 * 8 + i] } }
            try Self.expect(adapter) { 5 / Float(rank) * product(values[0], values[1], $0, $1) * product(values[2], values[3], $0, $1) }
        }
        try expect(Self.hadamard, 2)
        // 9 pairs are more than the 8 outputs and inputs: the matrix itself is kept.
        let wide = Self.adapter(
            ["peft_type": "LOHA", "r": 3, "alpha": 5],
            ["hada_w1_a": { o, _ in [o, 3] }, "hada_w2_a": { o, _ in [o, 3] }, "hada_w1_b": { [3, $1] }, "hada_w2_b": { [3, $1] }])
        try expect(wide, 3)
        let folder = try TemporaryFolder()
        #expect(try Self.store(folder, wide).acquire("a").summary.ranks == 8...8)
    }

    @Test func sumsOfInputsGoThroughOneBlock() throws {
        let block = Self.shards.values(Self.name("miss_block"))
        try Self.expect(Self.shards) { block[$1 % 3 * 8 + $0] }
        for columns in [2, 4] {
            var mini = Self.adapter(["peft_type": "MISS", "r": 3, "init_weights": "mini"], ["miss_block": { _, _ in [3, columns] }])
            mini.configuration["mini_r"] = .integer(Int64(columns))
            let own = mini.values(Self.name("miss_block"))
            try Self.expect(mini) { own[$1 % 3 * columns + $0 % columns] }
            let folder = try TemporaryFolder()
            #expect(try Self.store(folder, mini).acquire("a").summary.ranks == min(columns, 3)...min(columns, 3))
        }
    }

    @Test func theLengthOfEachRankIsTheBound() throws {
        let parts = ["delora_A", "delora_B", "delora_lambda", "delora_w_norm"].map { Self.bounded.values(Self.name($0)) }
        func length(_ values: some Swift.Sequence<Float>) -> Float { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        try Self.expect(Self.bounded) { output, input in
            (0..<2).reduce(Float(0)) { sum, rank in
                let (a, b) = (length(parts[0][rank * 8..<rank * 8 + 8]), length((0..<8).map { parts[1][$0 * 2 + rank] }))
                return sum + parts[1][output * 2 + rank] * parts[2][0] / 2 / (a * b) * parts[0][rank * 8 + input] * parts[3][input]
            }
        }
    }

    @Test(arguments: [adaptive, hadamard, shards, bounded]) func bytesAreAsPlannedAndALoRADoesTheSame(adapter: TinyAdapter) throws {
        let folder = try TemporaryFolder()
        for element in LowRank.Element.allCases {
            let loaded = try Self.store(folder, adapter, element).acquire("a")
            let inspection = AdapterInspection.inspect(folder: "\(folder.path)/a", base: Self.base, element: element)
            #expect(inspection.residentBytes == loaded.delta.byteCount && loaded.delta.isLowRank)
            #expect(inspection.effects.count == 4 && inspection.effects.allSatisfy { $0.norm > 0 })
            #expect(loaded.summary.parameters == adapter.tensors.values.reduce(0) { $0 + $1.elementCount })
        }
    }

    // MARK: Refusals

    @Test func refusals() throws {
        for (adapter, key, value, code, words) in [
            (Self.adaptive, "rank_pattern", ["model.layers.0.self_attn.q_proj": [true]], .malformed, "lora_E"),
            (Self.adaptive, "rank_pattern", ["model.layers.0.self_attn.q_proj.lora_E": [1, 0]], .malformed, "boolean"),
            (Self.adaptive, "rank_pattern", ["model.layers.0.self_attn.q_proj.lora_E": [true, false]], .wrongShape, "rank"),
            (Self.adaptive, "init_r", 0, .malformed, "1"), (Self.adaptive, "lora_alpha", 1e300, .nonFinite, "f32"),
            (Self.adaptive, "use_dora", true, .unsupported, "unknown key"), (Self.adaptive, "init_r", 5, .wrongShape, "rank"),
            (Self.shards, "init_weights", "bat", .unsupported, "merge_and_unload"), (Self.shards, "init_weights", "new", .malformed, "mini"),
            (Self.shards, "bias", "lora_only", .malformed, "MiSS_only"), (Self.shards, "r", 4, .wrongShape, "rank"),
            (Self.hadamard, "alpha", nil, .malformed, "null"), (Self.bounded, "bias", "some", .malformed, "delora_only"),
            (Self.hadamard, "target_modules", ["q_proj", "down_proj", "lm_head"], .unsupported, "lm_head is targeted"),
        ] as [(TinyAdapter, String, JSONValue, AdapterError.Code, String)] {
            let error = try Self.refusal(adapter) { $0.configuration[key] = value }
            #expect(error.code == code && error.description.contains(words), "\(key): \(error)")
        }
        let wide = Self.adapter(["peft_type": "MISS", "r": 9], ["miss_block": { o, _ in [9, o] }])
        let error = try Self.refusal(wide) { _ in }
        #expect(error.code == .malformed && error.key == "r" && error.message.contains("8 inputs"), "\(error)")
        let odd = Self.adapter(["peft_type": "MISS", "r": 2, "mini_r": 3, "init_weights": "mini"], ["miss_block": { _, _ in [2, 3] }])
        let uneven = try Self.refusal(odd) { _ in }
        #expect(uneven.code == .malformed && uneven.key == "mini_r", "\(uneven)")
    }

    /// Under other tools' names `convert` finds AdaLoRA's own, which have no `.weight`.
    @Test func namesWithTheAdaptersNameAreConverted() throws {
        #expect(CanonicalName("base_model.model.\(TinyAdapter.module(0, .query)).lora_A.default", peftType: "ADALORA").name == Self.name("lora_A"))
        #expect(CanonicalName(Self.name("lora_E"), peftType: "ADALORA").name == Self.name("lora_E"))
        #expect(CanonicalName(Self.name("hada_w1_a") + ".default").name == Self.name("hada_w1_a"))
        #expect(CanonicalName(Self.name("lora_A")).name == Self.name("lora_A.weight"))
    }

    /// What VeLoRA compresses with is named and not read, whatever is in it.
    @Test func tensorsOfTrainingAreNamedAsIgnored() throws {
        let folder = try TemporaryFolder()
        var adapter = TinyAdapter()
        adapter.configuration["velora_config"] = ["num_groups": 4]
        adapter.set(Self.name("lora_velora_embed"), [2], [.nan, 1])
        #expect(try Self.store(folder, adapter).acquire("a").summary.notices.contains { $0.contains("lora_velora_embed are ignored") })
    }
}
