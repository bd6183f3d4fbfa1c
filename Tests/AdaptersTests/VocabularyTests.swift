import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing

@testable import Adapters

/// Adapters that change the embedding and the head. Agreement with peft's logits is the conformance suite's.
@Suite struct VocabularyTests {
    static let embedding = "base_model.model.model.embed_tokens"
    static let head = "base_model.model.lm_head"
    static let shape = [32, 48]

    /// A LoRA of the embedding, of the head, or of both, beside a pair of queries.
    static func adapter(_ targets: [String] = [], rank: Int = 2) -> TinyAdapter {
        var adapter = TinyAdapter(rank: rank, targets: [.query], base: qwen2)
        var random = SeededRandom(seed: 9)
        adapter.configuration["target_modules"] = .array((["q_proj"] + targets).map { .string($0) })
        if targets.contains("embed_tokens") {
            adapter.setRandom("\(embedding).lora_embedding_A", [rank, 32], &random)
            adapter.setRandom("\(embedding).lora_embedding_B", [48, rank], &random)
        }
        if targets.contains("lm_head") {
            adapter.setRandom("\(head).lora_A.weight", [rank, 48], &random)
            adapter.setRandom("\(head).lora_B.weight", [32, rank], &random)
        }
        return adapter
    }

    static let qwen2 = DecoderConfiguration(
        name: "tiny", architecture: .qwen2, vocabulary: 32, hidden: 48, layers: 2, heads: 4, keyValueHeads: 2, headDimension: 12,
        feedForward: 80, contextLength: 64, normEpsilon: 1e-5, rope: RotaryEmbedding(base: 10_000), biases: [.query, .key, .value])

    static func load(
        _ adapter: TinyAdapter, _ base: BaseWeights, element: LowRank.Element = .f32, knowsWeights: Bool = true
    ) throws -> (delta: AdapterDelta, inspection: AdapterInspection) {
        let folder = try TemporaryFolder()
        try adapter.write(to: "\(folder.path)/a")
        let weights = knowsWeights ? base : nil
        let store = AdapterStore(
            folder: folder.path, base: base.configuration, weights: weights, budgetBytes: 1 << 20, element: element)
        _ = store.rescan()
        let inspection = AdapterInspection.inspect(
            folder: "\(folder.path)/a", base: base.configuration, weights: weights, element: element)
        let delta = try store.acquire("a").delta
        try delta.validate(for: base.configuration)
        return (delta, inspection)
    }

    /// The base's rows, `[32, 48]`.
    static func table(_ base: BaseWeights, head: Bool = false) -> [Float] {
        var values = [Float](repeating: 0, count: 32 * 48)
        if head { base.readHead(0..<32, into: &values) } else { base.readEmbedding(0..<32, into: &values) }
        return values
    }

    @Test(arguments: [LowRank.Element.f32, .bf16, .int8])
    func pairsOfEmbeddingAndHead(element: LowRank.Element) throws {
        let base = try TinyWeights().base
        var adapter = Self.adapter(["embed_tokens", "lm_head"])
        adapter.configuration["rank_pattern"] = ["lm_head": 3]
        adapter.configuration["alpha_pattern"] = ["embed_tokens": 10]
        var random = SeededRandom(seed: 3)
        adapter.setRandom("\(Self.head).lora_A.weight", [3, 48], &random)
        adapter.setRandom("\(Self.head).lora_B.weight", [32, 3], &random)
        let (delta, inspection) = try Self.load(adapter, base, element: element)
        #expect(delta.embedding?.lowRank?.rank == 2 && delta.embedding?.lowRank?.scale == 5)
        #expect(delta.head?.linear.lowRank?.rank == 3 && delta.head?.linear.lowRank?.scale == Float(4.0 / 3))
        #expect(delta.embedding?.table == nil && delta.head?.matrix == nil && delta.head?.rows == nil)
        #expect(inspection.problems.isEmpty && inspection.takesEffect, "\(inspection.problems)")
        #expect(inspection.summary?.targets == ["q_proj", "embed_tokens", "lm_head"])
        #expect(inspection.summary?.patchCount == 4 && inspection.summary?.ranks == 2...3)
        #expect(inspection.residentBytes == delta.byteCount)
        #expect(inspection.effects.map(\.module).suffix(2) == ["model.embed_tokens", "lm_head"])
        #expect(inspection.effects.allSatisfy { $0.norm > 0 })
    }

    @Test func patternsMeanThemToo() throws {
        let base = try TinyWeights().base
        var adapter = Self.adapter(["embed_tokens", "lm_head"])
        adapter.configuration["target_modules"] = ".*(q_proj|embed_tokens)|lm_head"
        let (delta, _) = try Self.load(adapter, base)
        #expect(delta.embedding?.lowRank != nil && delta.head?.linear.lowRank != nil)
        adapter.configuration["exclude_modules"] = ["lm_head"]
        let excluded = #expect(throws: AdapterError.self) { try Self.load(adapter, base) }
        #expect(excluded?.code == .unreadTensor && excluded?.tensor?.hasPrefix(Self.head) == true)
        // All linear modules but the head; the embedding is none.
        var linear = TinyAdapter(targets: Projection.allCases, base: Self.qwen2)
        linear.configuration["target_modules"] = "all-linear"
        let (all, _) = try Self.load(linear, base)
        #expect(all.embedding == nil && all.head == nil && all[1, .down] != nil)
        // Only the embedding, for all layers or for some.
        var alone = Self.adapter(["embed_tokens"])
        alone.configuration["target_modules"] = ["embed_tokens"]
        for layer in 0..<2 {
            alone.tensors[TinyAdapter.a(layer, .query)] = nil
            alone.tensors[TinyAdapter.b(layer, .query)] = nil
        }
        #expect(try Self.load(alone, base).inspection.summary?.targets == ["embed_tokens"])
        alone.configuration["layers_to_transform"] = [0]
        #expect(#expect(throws: AdapterError.self) { try Self.load(alone, base) }?.code == .unreadTensor)
    }

    // MARK: Copies of the base's weights

    @Test(arguments: ["base_layer.weight", "weight"])
    func aCopyOfTheBaseIsNotKept(part: String) throws {
        let base = try TinyWeights().base
        let isTargeted = part == "base_layer.weight"
        var adapter = Self.adapter(isTargeted ? ["embed_tokens"] : [])
        let own = Self.table(base)
        adapter.set("\(Self.embedding).\(part)", Self.shape, own)
        // As 8 bits would have it: what a quantised base differs by from what the adapter was trained on.
        adapter.set("\(Self.head).weight", Self.shape, Self.table(base, head: true).enumerated().map { $1 * ($0 % 2 == 0 ? 1.01 : 0.99) })
        let (delta, inspection) = try Self.load(adapter, base)
        #expect(delta.embedding?.table == nil && delta.head == nil && delta[0, .query] != nil)
        #expect(inspection.residentBytes == delta.byteCount && inspection.idleTargets.isEmpty)
        #expect(inspection.summary?.targets == (isTargeted ? ["q_proj", "embed_tokens"] : ["q_proj"]))
        // One row that is another is enough, and without the base's weights nobody can tell.
        adapter.set("\(Self.embedding).\(part)", Self.shape, own.enumerated().map { $0 / 48 == 7 ? $1 + 0.1 : $1 })
        #expect(try Self.load(adapter, base).delta.embedding?.table != nil)
        adapter.set("\(Self.embedding).\(part)", Self.shape, own)
        #expect(try Self.load(adapter, base, knowsWeights: false).delta.embedding?.table != nil)
        // Nothing else in the file: nothing would change.
        adapter.fill(TinyAdapter.b(0, .query), with: 0)
        adapter.fill(TinyAdapter.b(1, .query), with: 0)
        if isTargeted { adapter.fill("\(Self.embedding).lora_embedding_B", with: 0) }
        let error = #expect(throws: AdapterError.self) { try Self.load(adapter, base) }
        #expect(error?.code == .noEffect)
    }

    // MARK: Modules of an adapter's own

    @Test(arguments: ["embed_tokens", "lm_head"])
    func aSavedModuleIsTheAdaptersOwn(name: String) throws {
        let base = try TinyWeights().base
        var adapter = Self.adapter()
        let tensor = "\(name == "lm_head" ? Self.head : Self.embedding).weight"
        adapter.configuration["modules_to_save"] = [.string(name)]
        adapter.configuration["target_modules"] = ["q_proj", .string(name)]
        let own = Self.table(base, head: name == "lm_head")
        adapter.set(tensor, Self.shape, own.map { $0 * 1.01 })
        for element in [LowRank.Element.f32, .int8] {
            let (delta, inspection) = try Self.load(adapter, base, element: element)
            #expect((delta.embedding?.table != nil) == (name == "embed_tokens"))
            #expect((delta.head?.matrix != nil) == (name == "lm_head"))
            #expect(inspection.residentBytes == delta.byteCount && inspection.takesEffect)
            #expect(inspection.summary?.parameters == 2 * 2 * (48 + 48) + 32 * 48)
        }
        // Trained but a little, it is kept; not trained at all, it changes nothing.
        adapter.set(tensor, Self.shape, own)
        #expect(try Self.load(adapter, base).inspection.idleTargets == [name == "lm_head" ? "lm_head" : "model.embed_tokens"])
        adapter.fill(tensor, with: .infinity)
        #expect(#expect(throws: AdapterError.self) { try Self.load(adapter, base) }?.code == .nonFinite)
        adapter.tensors[tensor] = nil
        let missing = #expect(throws: AdapterError.self) { try Self.load(adapter, base) }
        #expect(missing?.code == .missingTensor && missing?.tensor == tensor)
    }

    @Test(arguments: ["q_proj", "score", "model.layers.0", "tokens"])
    func otherModulesAreRefusedByName(name: String) throws {
        var adapter = Self.adapter()
        adapter.configuration["modules_to_save"] = ["lm_head", .string(name)]
        let error = #expect(throws: AdapterError.self) { try Self.load(adapter, try TinyWeights().base) }
        #expect(error?.code == .unsupported && error?.key == "modules_to_save")
        #expect(error?.message.contains("\"\(name)\": only embed_tokens, lm_head and norms") == true)
    }

    // MARK: Trained tokens

    @Test func trainedTokens() throws {
        let base = try TinyWeights().base
        var adapter = Self.adapter()
        let tensor = "\(Self.embedding).token_adapter.trainable_tokens_delta"
        adapter.configuration["trainable_token_indices"] = [7, 3, 31]
        var random = SeededRandom(seed: 2)
        adapter.setRandom(tensor, [3, 48], &random)
        let (delta, inspection) = try Self.load(adapter, base)
        #expect(delta.embedding?.rows?.tokens == [3, 7, 31] && delta.head == nil)
        #expect(inspection.residentBytes == delta.byteCount && inspection.takesEffect)
        // Rows that nobody moved.
        let own = Self.table(base)
        adapter.set(tensor, [3, 48], [7, 3, 31].flatMap { Array(own[$0 * 48..<($0 + 1) * 48]) })
        #expect(try Self.load(adapter, base).delta.embedding == nil)
        // The other module, by its name.
        adapter.configuration["trainable_token_indices"] = ["lm_head": [1, 2]]
        adapter.tensors[tensor] = nil
        adapter.setRandom("\(Self.head).token_adapter.trainable_tokens_delta", [2, 48], &random)
        let (ofHead, _) = try Self.load(adapter, base)
        #expect(ofHead.embedding == nil && ofHead.head?.rows?.tokens == [1, 2])
    }

    @Test(arguments: [
        (JSONValue.array([1, 1]), AdapterError.Code.malformed), ([-1], .malformed), ([32], .otherBase), ([4_000_000_000], .otherBase), (["x"], .malformed),
        (3, .malformed), (["norm": [1]], .unsupported), (["embed_tokens": 1], .malformed), (["embed_tokens": [1], "model.embed_tokens": [2]], .unsupported),
    ] as [(JSONValue, AdapterError.Code)])
    func tokensThatAreNone(value: JSONValue, code: AdapterError.Code) throws {
        var adapter = Self.adapter()
        adapter.configuration["trainable_token_indices"] = value
        let error = #expect(throws: AdapterError.self) { try Self.load(adapter, try TinyWeights().base) }
        #expect(error?.code == code && error?.key?.hasPrefix("trainable_token_indices") == true, "\(String(describing: error))")
    }

    @Test func optionsThatExcludeEachOther() throws {
        let base = try TinyWeights().base
        func refusal(_ change: (inout TinyAdapter) -> Void) throws -> AdapterError {
            var adapter = Self.adapter(["embed_tokens"])
            change(&adapter)
            return try #require(throws: AdapterError.self) { try Self.load(adapter, base) }
        }
        let tokens = "\(Self.embedding).token_adapter.trainable_tokens_delta"
        let targeted = try refusal {
            $0.configuration["trainable_token_indices"] = [1]
            $0.set(tokens, [1, 48], [Float](repeating: 1, count: 48))
        }
        #expect(targeted.code == .malformed && targeted.message.contains("targeted"))
        let saved = try refusal {
            $0.configuration["trainable_token_indices"] = [1]
            $0.configuration["modules_to_save"] = ["embed_tokens"]
            $0.set(tokens, [1, 48], [Float](repeating: 1, count: 48))
            $0.set("\(Self.embedding).weight", Self.shape, [Float](repeating: 1, count: 32 * 48))
        }
        #expect(saved.code == .malformed && saved.message.contains("modules_to_save"))
        let bias = try refusal { $0.configuration["lora_bias"] = true }
        #expect(bias.code == .missingTensor || bias.key == "lora_bias")
    }

    @Test func nothingButTrainedTokens() throws {
        let base = try TinyWeights().base
        var adapter = TinyAdapter(targets: [], base: Self.qwen2)
        let tensor = "\(Self.embedding).trainable_tokens_delta"
        adapter.configuration = [
            "peft_type": "TRAINABLE_TOKENS", "task_type": "CAUSAL_LM", "token_indices": [5, 1], "target_modules": ["embed_tokens"],
            "init_weights": true,
        ]
        var random = SeededRandom(seed: 4)
        adapter.setRandom(tensor, [2, 48], &random)
        let (delta, inspection) = try Self.load(adapter, base)
        #expect(delta.embedding?.rows?.tokens == [1, 5] && delta.head == nil)
        #expect(inspection.summary?.family == "trainable_tokens" && inspection.summary?.targets == ["embed_tokens"])
        func refusal(_ change: (inout TinyAdapter) -> Void) throws -> AdapterError {
            var changed = adapter
            change(&changed)
            return try #require(throws: AdapterError.self) { try Self.load(changed, base) }
        }
        let own = Self.table(base)
        #expect(try refusal { $0.set(tensor, [2, 48], [5, 1].flatMap { Array(own[$0 * 48..<($0 + 1) * 48]) }) }.code == .noEffect)
        #expect(try refusal { $0.configuration["token_indices"] = [] }.key == "token_indices")
        #expect(try refusal { $0.configuration["token_indices"] = [5, 1, 2] }.code == .otherBase)
        #expect(try refusal { $0.configuration["target_modules"] = ["embed_tokens", "q_proj"] }.code == .missingTensor)
        #expect(try refusal { $0.configuration["target_modules"] = ["x"] }.code == .unreadTensor)
        #expect(try refusal { $0.configuration["modules_to_save"] = ["lm_head"] }.code == .unsupported)
        #expect(try refusal { $0.set("surplus", [1], [1]) }.code == .unreadTensor)
        #expect(try refusal { $0.tensors = [:] }.code == .missingTensor)
    }

    // MARK: Shapes

    @Test func aVocabularyOfAnotherSizeIsRefusedByName() throws {
        let base = try TinyWeights().base
        func refusal(_ targets: [String], _ name: String, _ shape: [Int]) throws -> AdapterError {
            var adapter = Self.adapter(targets)
            var random = SeededRandom(seed: 1)
            adapter.setRandom(name, shape, &random)
            return try #require(throws: AdapterError.self) { try Self.load(adapter, base) }
        }
        // Tables may have some rows more, and pairs as many as they.
        let most = 32 + DecoderWeights.addedTokens
        for (targets, name, shape) in [
            (["embed_tokens"], "\(Self.embedding).lora_embedding_A", [2, 34]), (["lm_head"], "\(Self.head).lora_B.weight", [34, 2]),
            ([], "\(Self.embedding).weight", [most + 1, 48]), (["lm_head"], "\(Self.head).base_layer.weight", [31, 48]),
        ] {
            let error = try refusal(targets, name, shape)
            #expect(error.code == .otherBase && error.tensor == name, "\(error)")
            #expect(error.message.contains("the vocabulary has \(shape.max() == 48 ? 31 : shape.max() ?? 0) tokens, that of"), "\(error)")
            #expect(error.message.contains(" 32"), "\(error)")
        }
        let rank = try refusal(["embed_tokens"], "\(Self.embedding).lora_embedding_B", [48, 3])
        #expect(rank.code == .wrongShape && rank.message.contains("rank"))
        let width = try refusal(["lm_head"], "\(Self.head).lora_A.weight", [2, 40])
        #expect(width.code == .otherBase && width.message.contains("widths"))
        let unread = try refusal(["lm_head"], "\(Self.head).weight", Self.shape)
        #expect(unread.code == .unreadTensor && unread.message.contains("does not ask"))
    }

    // MARK: Biases of the base

    static func biased(_ rule: String, _ base: BaseWeights) -> TinyAdapter {
        var adapter = adapter()
        adapter.configuration["bias"] = .string(rule)
        for layer in 0..<2 {
            for projection in rule == "all" ? [Projection.query, .key, .value] : [.query] {
                let name = "base_model.model.\(TinyAdapter.module(layer, projection)).\(projection == .query ? "base_layer." : "")bias"
                let own = base.bias(of: layer, projection) ?? []
                adapter.set(name, [own.count], own.map { $0 + 1 })
            }
        }
        return adapter
    }

    @Test(arguments: ["lora_only", "all"])
    func biasesOfTheBase(rule: String) throws {
        let base = try TinyWeights().base
        let (delta, inspection) = try Self.load(Self.biased(rule, base), base)
        for projection in [Projection.query, .key, .value] {
            let bias = delta[1, projection]?.bias
            #expect((bias != nil) == (rule == "all" || projection == .query))
            if let bias { #expect((0..<bias.count).allSatisfy { abs(bias.pointer[$0] - 1) < 1e-6 }) }
        }
        #expect(delta[1, .query]?.lowRank != nil && inspection.problems.isEmpty && inspection.residentBytes == delta.byteCount)
        #expect(inspection.summary?.patchCount == (rule == "all" ? 6 : 2))
        let effect = inspection.effects.first { $0.layer == 0 && $0.projection == .key }
        #expect((effect.map { abs($0.norm - 24.0.squareRoot()) < 1e-4 }) == (rule == "all" ? true : nil))
    }

    @Test func biasesThatDoNotFit() throws {
        let base = try TinyWeights().base
        func refusal(_ rule: String = "lora_only", knowsWeights: Bool = true, _ change: (inout TinyAdapter) -> Void) throws -> AdapterError {
            var adapter = Self.biased(rule, base)
            change(&adapter)
            return try #require(throws: AdapterError.self) { try Self.load(adapter, base, knowsWeights: knowsWeights) }
        }
        let query = "base_model.model.model.layers.0.self_attn.q_proj"
        let missing = try refusal { $0.tensors["\(query).base_layer.bias"] = nil }
        #expect(missing.code == .missingTensor && missing.tensor == "\(query).base_layer.bias")
        let unasked = try refusal { $0.configuration["bias"] = "none" }
        #expect(unasked.code == .unreadTensor && unasked.message.contains("`bias`"))
        let untargeted = try refusal { $0.set("base_model.model.model.layers.0.self_attn.k_proj.bias", [24], [Float](repeating: 1, count: 24)) }
        #expect(untargeted.code == .unreadTensor)
        let none = try refusal("all") { $0.set("base_model.model.model.layers.0.self_attn.o_proj.bias", [48], [Float](repeating: 1, count: 48)) }
        #expect(none.code == .otherBase && none.message.contains("no bias"))
        let shape = try refusal { $0.set("\(query).base_layer.bias", [24], [Float](repeating: 1, count: 24)) }
        #expect(shape.code == .otherBase && shape.tensor == "\(query).base_layer.bias")
        let finite = try refusal { $0.fill("\(query).base_layer.bias", with: .nan) }
        #expect(finite.code == .nonFinite)
        let unknown = try refusal(knowsWeights: false) { _ in }
        #expect(unknown.code == .unsupported && unknown.key == "bias")
    }

    // MARK: Other families

    @Test(arguments: ["IA3", "VERA"])
    func otherFamiliesSaveModulesToo(family: String) throws {
        let base = try TinyWeights().base
        var adapter = TinyAdapter(targets: [], base: Self.qwen2)
        var random = SeededRandom(seed: 8)
        let isVeRA = family == "VERA"
        adapter.configuration = [
            "peft_type": .string(family), "task_type": "CAUSAL_LM", "target_modules": ["q_proj"], "modules_to_save": ["lm_head"],
        ]
        if isVeRA {
            adapter.configuration["r"] = 3
            adapter.configuration["bias"] = "vera_only"
            adapter.setRandom("base_model.vera_A", [3, 48], &random)
            adapter.setRandom("base_model.vera_B", [48, 3], &random)
        } else {
            adapter.configuration["feedforward_modules"] = []
        }
        for layer in 0..<2 {
            let query = "base_model.model.\(TinyAdapter.module(layer, .query))"
            if isVeRA {
                adapter.setRandom("\(query).vera_lambda_b", [48], &random)
                adapter.setRandom("\(query).vera_lambda_d", [3], &random)
                adapter.set("\(query).base_layer.bias", [48], (base.bias(of: layer, .query) ?? []).map { $0 + 1 })
            } else {
                adapter.setRandom("\(query).ia3_l", [48, 1], &random)
            }
        }
        adapter.setRandom("\(Self.head).weight", Self.shape, &random)
        let (delta, inspection) = try Self.load(adapter, base)
        #expect(delta.head?.matrix != nil && delta.embedding == nil && inspection.takesEffect, "\(inspection.problems)")
        #expect(inspection.summary?.targets == ["q_proj", "lm_head"] && inspection.residentBytes == delta.byteCount)
        #expect((delta[1, .query]?.outputScale != nil) == !isVeRA && (delta[1, .query]?.lowRank != nil) == isVeRA)
        if isVeRA { #expect(abs((delta[1, .query]?.bias?.pointer[5] ?? 0) - 1) < 1e-6) }
        // The head alone does something.
        var idle = adapter
        for layer in 0..<2 {
            idle.fill("base_model.model.\(TinyAdapter.module(layer, .query)).\(isVeRA ? "vera_lambda_b" : "ia3_l")", with: isVeRA ? 0 : 1)
        }
        #expect(try Self.load(idle, base).delta.head?.matrix != nil)
        // A configuration without it does not ask for the tensor: it would be another base's.
        adapter.configuration["modules_to_save"] = ["score"]
        #expect(#expect(throws: AdapterError.self) { try Self.load(adapter, base) }?.key == "modules_to_save")
        adapter.configuration["modules_to_save"] = ["lm_head"]
        adapter.configuration["target_modules"] = ["q_proj", "embed_tokens"]
        let targeted = #expect(throws: AdapterError.self) { try Self.load(adapter, base) }
        #expect(targeted?.code == .unsupported && targeted?.message.contains("model.embed_tokens is targeted") == true)
    }
}
