import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing

@testable import Adapters

/// IA3 on a base with biases. Agreement with peft's logits is the conformance suite's.
@Suite struct IA3Tests {
    static func vector(_ layer: Int, _ projection: Projection) -> String {
        "base_model.model.\(TinyAdapter.module(layer, projection)).ia3_l"
    }

    /// peft's defaults for a Qwen2: query, value and, by its input, down.
    static func adapter() -> TinyAdapter {
        var adapter = TinyAdapter(targets: [])
        adapter.configuration = ["peft_type": "IA3", "task_type": "CAUSAL_LM", "base_model_name_or_path": "someone/tiny", "init_ia3_weights": true]
        var random = SeededRandom(seed: 9)
        for layer in 0..<2 {
            adapter.setRandom(vector(layer, .query), [48, 1], &random)
            adapter.setRandom(vector(layer, .value), [24, 1], &random)
            adapter.setRandom(vector(layer, .down), [1, 80], &random)
        }
        return adapter
    }

    static func store(_ folder: TemporaryFolder, _ adapter: TinyAdapter, _ base: BaseWeights, isWhole: Bool = true) throws -> AdapterStore {
        try adapter.write(to: "\(folder.path)/a")
        let store = AdapterStore(
            folder: folder.path, base: base.configuration, weights: isWhole ? base : nil, budgetBytes: 1 << 20, element: .int8)
        _ = store.rescan()
        return store
    }

    static func values(_ buffer: FloatBuffer?) -> [Float] {
        buffer.map { Array(UnsafeBufferPointer(start: $0.pointer, count: $0.count)) } ?? []
    }

    @Test func outputsAndBiasesOrInputsAreScaled() throws {
        let (base, adapter, folder) = (try TinyWeights().base, Self.adapter(), try TemporaryFolder())
        let loaded = try Self.store(folder, adapter, base).acquire("a")
        let query = try #require(loaded.delta[1, .query])
        let scale = adapter.values(Self.vector(1, .query))
        #expect(Self.values(query.outputScale) == scale && query.inputScale == nil && query.lowRank == nil)
        let bias = try #require(base.bias(of: 1, .query))
        for (sum, expected) in zip(zip(Self.values(query.bias), bias).map { $0 + $1 }, zip(scale, bias).map { $0 * $1 }) {
            #expect(abs(sum - expected) < 1e-6)
        }
        let down = try #require(loaded.delta[0, .down])
        #expect(Self.values(down.inputScale) == adapter.values(Self.vector(0, .down)) && down.outputScale == nil && down.bias == nil)
        #expect(loaded.delta[0, .key] == nil)
        #expect(loaded.summary.family == "ia3" && loaded.summary.ranks == nil && loaded.summary.targets == ["q_proj", "v_proj", "down_proj"])
        #expect(loaded.summary.parameters == 2 * (48 + 24 + 80))
        let inspection = AdapterInspection.inspect(folder: "\(folder.path)/a", base: base.configuration, weights: base)
        #expect(inspection.residentBytes == loaded.delta.byteCount && inspection.takesEffect)
    }

    @Test func theEffectIsTheChangeOfMatrixAndBias() throws {
        let (base, adapter, folder) = (try TinyWeights().base, Self.adapter(), try TemporaryFolder())
        _ = try Self.store(folder, adapter, base)
        let effects = AdapterInspection.inspect(folder: "\(folder.path)/a", base: base.configuration, weights: base).effects
        let (query, down) = (adapter.values(Self.vector(1, .query)), adapter.values(Self.vector(0, .down)))
        func norm(_ values: some Sequence<Float>) -> Double { values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() }
        let rows = norm(TinyWeights.rows(base, 1, .query).enumerated().map { $1 * (query[$0 / 48] - 1) })
        let bias = norm(try #require(base.bias(of: 1, .query)).enumerated().map { $1 * (query[$0] - 1) })
        let columns = norm(TinyWeights.rows(base, 0, .down).enumerated().map { $1 * (down[$0 % 80] - 1) })
        let found = { (layer: Int, projection: Projection) in effects.first { $0.layer == layer && $0.projection == projection }?.norm ?? 0 }
        #expect(abs(found(1, .query) / (rows + bias) - 1) < 1e-5)
        #expect(abs(found(0, .down) / columns - 1) < 1e-5)
    }

    @Test func refusals() throws {
        let base = try TinyWeights().base
        func refusal(isWhole: Bool = true, _ change: (inout TinyAdapter) -> Void) throws -> AdapterError {
            let folder = try TemporaryFolder()
            var adapter = Self.adapter()
            change(&adapter)
            let store = try Self.store(folder, adapter, base, isWhole: isWhole)
            return try #require(throws: AdapterError.self) { _ = try store.acquire("a") }
        }
        let (query, down) = (Self.vector(0, .query), Self.vector(1, .down))
        #expect(try refusal(isWhole: false) { _ in }.code == .unsupported)
        let missing = try refusal { $0.tensors[query] = nil }
        #expect(missing.code == .missingTensor && missing.tensor == query, "\(missing)")
        let untargeted = try refusal { $0.set(Self.vector(0, .up), [80, 1], [Float](repeating: 2, count: 80)) }
        #expect(untargeted.code == .unreadTensor && untargeted.tensor == Self.vector(0, .up), "\(untargeted)")
        let turned = try refusal { $0.set(down, [48, 1], [Float](repeating: 2, count: 48)) }
        #expect(turned.code == .wrongShape && turned.message.contains("feedforward_modules"), "\(turned)")
        let wide = try refusal { $0.set(query, [49, 1], [Float](repeating: 2, count: 49)) }
        #expect(wide.code == .otherBase && wide.tensor == query, "\(wide)")
        let nan = try refusal { $0.fill(query, with: .nan) }
        #expect(nan.code == .nonFinite && nan.tensor == query, "\(nan)")
        let idle = try refusal { adapter in for name in adapter.tensors.keys { adapter.fill(name, with: 1) } }
        #expect(idle.code == .noEffect, "\(idle)")
        let matrix = try refusal { $0.set(TinyAdapter.a(0, .query), [2, 48], [Float](repeating: 1, count: 96)) }
        #expect(matrix.code == .unsupported && matrix.message.contains("LoRA"), "\(matrix)")
        for (key, value, code) in [
            ("modules_to_save", ["mlp"], AdapterError.Code.unsupported), ("layers_to_transform", [1], .unsupported),
            ("task_type", "SEQ_CLS", .unsupported), ("feedforward_modules", 3, .malformed), ("target_modules", ["lm_head"], .unreadTensor),
            ("feedforward_modules", "(?!x)", .unsupported),
        ] as [(String, JSONValue, AdapterError.Code)] {
            let error = try refusal { $0.configuration[key] = value }
            #expect(error.code == code, "\(error)")
            #expect(error.key?.contains(key) == true || code == .unreadTensor, "\(error)")
        }
        let subset = try refusal {
            $0.configuration["target_modules"] = ["q_proj", "v_proj", "down_proj"]
            $0.configuration["feedforward_modules"] = ["up_proj"]
        }
        #expect(subset.code == .malformed && subset.key == "feedforward_modules", "\(subset)")
    }

    /// A list matches ends without a dot before them, a string whole paths.
    @Test(arguments: [
        (["n_proj"], "layers.0.mlp.down_proj", true), (["proj"], "layers.0.self_attn.q_proj", true),
        (["mlp.down_proj"], "layers.0.mlp.down_proj", true), (["mlp"], "layers.0.mlp.down_proj", false), ([], "layers.0.mlp.down_proj", false),
        (.null, "layers.0.mlp.down_proj", true), (.null, "layers.0.mlp.up_proj", false), (".*mlp.*", "layers.0.mlp.up_proj", true),
        ("mlp", "layers.0.mlp.up_proj", false), ("", "layers.0.mlp.down_proj", false),
    ] as [(JSONValue, String, Bool)])
    func whichModulesAreFeedForward(value: JSONValue, path: String, expected: Bool) throws {
        var problems = AdapterProblems()
        let manifest = try AdapterManifest(
            parsing: JSONValue.object(["peft_type": "IA3", "target_modules": "all-linear", "feedforward_modules": value]).serializedBytes())
        let configuration = try #require(IA3Configuration(manifest, base: BaseModules(TinyBase.llama), problems: &problems))
        #expect(problems.isEmpty && configuration.isFeedForward("model.\(path)") == expected)
    }
}
