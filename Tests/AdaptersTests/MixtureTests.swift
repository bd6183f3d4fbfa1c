import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing

@testable import Adapters

/// A mixture for `TinyBase.llama`, as MoE-PEFT writes it.
private struct TinyMixture {
    var adapter = TinyAdapter(targets: [])
    let family: String

    /// `plain`: attention's projections have no experts.
    init(_ family: String, targets: [Projection], counts: [Int] = [3, 3], rank: Int = 2) {
        self.family = family
        adapter.configuration = [
            "peft_type": .string(family.uppercased()), "routing_strategy": .string(family), "task_type": "CAUSAL_LM", "r": .integer(Int64(rank)),
            "lora_alpha": 4, "lora_dropout": 0.05, "bias": "none", "act_fn": "silu", "top_k": 2,
            "target_modules": .array(targets.map { .string(TinyAdapter.shortName($0)) }),
            "num_experts": Set(counts).count == 1 ? .integer(Int64(counts[0])) : .array(counts.map { .integer(Int64($0)) }),
        ]
        var random = SeededRandom(seed: 9)
        for layer in 0..<2 {
            if family == "mixlora" { adapter.setRandom("mixlora.layers.\(layer).mlp.moe_gate.weight", [counts[layer], 8], &random) }
            for projection in targets {
                let (outputs, inputs) = projection.shape(in: TinyBase.llama)
                let isPlain = family != "mola" && projection.checkpointName.hasPrefix("self_attn")
                let stem = "\(family).layers.\(layer).\(projection.checkpointName)"
                if !isPlain && family != "mixlora" { adapter.setRandom("\(stem).moe_gate.weight", [counts[layer], inputs], &random) }
                for expert in 0..<(isPlain ? 1 : counts[layer]) {
                    let place = isPlain ? stem : "\(stem).experts.\(expert)"
                    adapter.setRandom("\(place).lora_A.weight", [rank, inputs], &random)
                    adapter.setRandom("\(place).lora_B.weight", [outputs, rank], &random)
                }
            }
        }
    }

    func inspected() throws -> AdapterInspection {
        let folder = try TemporaryFolder()
        try adapter.write(to: "\(folder.path)/a")
        return AdapterInspection.inspect(folder: "\(folder.path)/a", base: TinyBase.llama)
    }

    func delta() throws -> AdapterDelta {
        let folder = try TemporaryFolder()
        try adapter.write(to: "\(folder.path)/a")
        let store = AdapterStore(folder: folder.path, base: TinyBase.llama, budgetBytes: 1 << 20, element: .f32)
        _ = store.rescan()
        return try store.acquire("a").delta
    }
}

/// What `Tests/ConformanceTests` does not have of mixtures: the numbers are checked there.
@Suite struct MixtureTests {
    private static func mixLoRA() -> TinyMixture { TinyMixture("mixlora", targets: [.query, .gate, .down]) }

    @Test func aSoundMixtureSaysWhatItIs() throws {
        let inspection = try Self.mixLoRA().inspected()
        #expect(inspection.problems.isEmpty && inspection.takesEffect)
        let summary = try #require(inspection.summary)
        #expect(summary.family == "mixlora" && summary.experts == 3...3 && summary.ranks == 2...2)
        #expect(summary.targets == ["q_proj", "gate_proj", "down_proj"] && summary.patchCount == 6)
        let delta = try Self.mixLoRA().delta()
        #expect(delta.routers.map(\.selection) == [.top(2), .top(2)])
        #expect(delta.feedForward(1)?.experts.count == 3 && delta.feedForward(1)?.experts[2].up == nil)
        #expect(delta[0, .query]?.lowRank != nil && delta[0, .gate] == nil)
    }

    @Test(arguments: ["mixlora", "mola", "loramoe"])
    func theStrategyAloneSaysTheFamily(family: String) throws {
        var mixture = TinyMixture(family, targets: [.up])
        mixture.adapter.configuration["peft_type"] = nil
        #expect(try mixture.inspected().summary?.family == family)
    }

    @Test func targetsMayBeATableOfTrueAndFalse() throws {
        var mixture = Self.mixLoRA()
        mixture.adapter.configuration["target_modules"] = ["q_proj": true, "gate_proj": true, "down_proj": true, "up_proj": false]
        #expect(try mixture.inspected().problems.isEmpty)
    }

    @Test(arguments: [
        ("mixlora", "routing_strategy", "mixlora-switch", .unsupported, "left out when moe_peft answers"),
        ("mixlora", "routing_strategy", "mola", .unsupported, "does not go with"),
        ("mixlora", "act_fn", "gelu_new", .otherBase, "silu"), ("mixlora", "bias", "all", .unsupported, "no biases"),
        ("mixlora", "num_experts", [3, 3], .malformed, ""), ("mixlora", "num_experts", 0, .malformed, ""),
        ("mixlora", "num_experts", 100_000, .malformed, ""), ("mixlora", "top_k", 4, .malformed, ""),
        ("mixlora", "top_k", 0, .malformed, ""), ("mixlora", "r", nil, .malformed, "required"), ("mixlora", "lora_alpha", nil, .malformed, "required"),
        ("mixlora", "target_modules", ["fc1"], .otherBase, "fc1"), ("mixlora", "target_modules", [], .malformed, "nothing would change"),
        ("mixlora", "expert_lora", ["r": 2, "lora_alpha": 4, "extra": 1], .unsupported, "extra"),
        ("mixlora", "expert_lora", ["r": 2], .malformed, "required"), ("mixlora", "task_type", "SEQ_CLS", .unsupported, "CAUSAL_LM"),
        ("mixlora", "modules_to_save", ["lm_head"], .unsupported, "unknown key"),
        ("mola", "use_dora", true, .unsupported, "do without DoRA"), ("mola", "expert_lora", ["r": 2], .unsupported, "only MixLoRA"),
        ("mola", "num_experts", [3], .malformed, "2 layers"), ("mola", "top_k", [2, 4], .malformed, ""),
        ("loramoe", "target_modules", ["q_proj"], .unsupported, "only those have experts"),
    ] as [(String, String, JSONValue?, AdapterError.Code, String)])
    func aKeyThatCannotBeHonoured(family: String, key: String, value: JSONValue?, code: AdapterError.Code, reason: String) throws {
        var mixture = TinyMixture(family, targets: family == "loramoe" ? [.query, .up] : [.query, .gate, .down])
        mixture.adapter.configuration[key] = value
        let problems = try mixture.inspected().problems
        // Unknown keys are quoted.
        let found = problems.first { $0.key?.hasPrefix(key) == true || $0.key == "\"\(key)\"" }
        #expect(found?.code == code && (reason.isEmpty || found?.message.contains(reason) == true), "\(problems)")
    }

    @Test func aTensorThatDoesNotBelongIsNamedWithTheReason() throws {
        let shape = [2, 8]
        let values = [Float](repeating: 1, count: 16)
        for (name, code, reason) in [
            ("mixlora.layers.0.mlp.gate_proj.experts.3.lora_A.weight", AdapterError.Code.unreadTensor, "expert 3"),
            ("mixlora.layers.2.mlp.gate_proj.experts.0.lora_A.weight", .otherBase, "layer 2"),
            ("mixlora.layers.0.self_attn.v_proj.lora_A.weight", .unreadTensor, "does not target"),
            ("mixlora.layers.0.mlp.gate_proj.experts.01.lora_A.weight", .unreadTensor, "nothing would read it"),
            ("mixlora.layers.0.experts.0.w1_proj.lora_A.weight", .unreadTensor, "another spelling"),
            ("classifier", .unsupported, "classification head"),
            ("base_model.model.model.layers.0.mlp.up_proj.lora_A.weight", .unsupported, "mixlora.layers."),
        ] {
            var mixture = Self.mixLoRA()
            mixture.adapter.set(name, shape, values)
            let problems = try mixture.inspected().problems
            // Of two spellings either may be the one that is told.
            #expect(problems.contains { $0.code == code && ($0.message + ($0.tensor ?? "")).contains(name) && $0.message.contains(reason) }, "\(problems)")
        }
        var mixture = Self.mixLoRA()
        mixture.adapter.set("mixlora.layers.1.mlp.moe_gate.weight", [4, 8], [Float](repeating: 1, count: 32))
        #expect(try mixture.inspected().problems.contains { $0.code == .wrongShape && $0.message.contains("4 experts") })
        mixture = Self.mixLoRA()
        mixture.adapter.tensors["mixlora.layers.1.mlp.down_proj.experts.2.lora_B.weight"] = nil
        #expect(
            try mixture.inspected().problems.map(\.tensor) == ["mixlora.layers.1.mlp.down_proj.experts.2.lora_B.weight"])
    }

    /// The same tensors under the names of the papers' own code load as the same adapter.
    @Test(arguments: ["mola", "loramoe"])
    func namesOfThePapersCode(family: String) throws {
        let mixture = TinyMixture(family, targets: [.gate, .up], counts: family == "mola" ? [2, 4] : [3, 3])
        var renamed = mixture
        renamed.adapter.tensors = [:]
        for (name, view) in mixture.adapter.tensors {
            var parts = name.split(separator: ".").map(String.init)
            parts.replaceSubrange(0..<1, with: ["base_model", "model", "model"])
            if let place = parts.firstIndex(of: "moe_gate") {
                parts.replaceSubrange(place...place, with: family == "mola" ? ["router", "router"] : ["lora_route"])
            } else if let place = parts.firstIndex(of: "experts") {
                let (expert, part) = (parts[place + 1], parts[place + 2])
                parts.replaceSubrange(place..<place + 3, with: family == "mola" ? [part, "default_\(expert)"] : ["\(part)\(expert)"])
            }
            renamed.adapter.set(parts.joined(separator: "."), view.shape, view.floats())
        }
        let (one, other) = (try mixture.delta(), try renamed.delta())
        #expect(one.routers == other.routers && one.byteCount == other.byteCount)
        #expect(one.routers.map(\.experts.count) == (family == "mola" ? [2, 2, 4, 4] : [3, 3, 3, 3]))
        for layer in 0..<2 {
            let (first, second) = (try #require(one[layer, .up]?.mixture), try #require(other[layer, .up]?.mixture))
            for (expert, same) in zip(first.experts, second.experts) { #expect(expert?.factors.a == same?.factors.a) }
            for index in 0..<first.router.count { #expect(first.router.pointer[index] == second.router.pointer[index]) }
        }
        renamed.adapter.tensors = renamed.adapter.tensors.filter { !$0.key.contains("layers.1.mlp.up_proj.lora_B") }
        let missing = try #require(try renamed.inspected().problems.first)
        #expect(missing.code == .missingTensor)
        #expect(missing.tensor == "base_model.model.model.layers.1.mlp.up_proj.\(family == "mola" ? "lora_B.default_0" : "lora_B0").weight")
    }

    @Test func sharesSumToOneAndEvennessGoesFromOneExpertToAll() {
        #expect(ExpertLoad.Spread(weights: [0, 0, 0]) == .init(weights: [0, 0, 0]))
        #expect(ExpertLoad.Spread(weights: [0, 0, 0]).shares == [0, 0, 0])
        let one = ExpertLoad.Spread(weights: [0, 3, 0])
        #expect(one.shares == [0, 1, 0] && one.evenness == 0)
        let all = ExpertLoad.Spread(weights: [2, 2, 2, 2])
        #expect(all.shares == [0.25, 0.25, 0.25, 0.25] && abs(all.evenness - 1) < 1e-12)
    }
}
