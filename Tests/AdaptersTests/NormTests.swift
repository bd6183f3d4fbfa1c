import JSON
import Models
import Tensors
import TestSupport
import Testing

@testable import Adapters

/// Norms of an adapter's own: `modules_to_save` and LN tuning. Agreement with peft's logits is the conformance suite's.
@Suite struct NormTests {
    static func store(_ adapter: TinyAdapter, _ weights: TinyWeights, in folder: TemporaryFolder) throws -> AdapterStore {
        try adapter.write(to: "\(folder.path)/a")
        let store = AdapterStore(
            folder: folder.path, base: weights.files.configuration, weights: weights.base, budgetBytes: 1 << 20, element: .f32)
        _ = store.rescan()
        return store
    }

    static func refusal(_ adapter: TinyAdapter, _ weights: TinyWeights) throws -> AdapterError {
        let folder = try TemporaryFolder()
        let store = try store(adapter, weights, in: folder)
        return try #require(throws: AdapterError.self) { _ = try store.acquire("a") }
    }

    static let norms = ["model.layers.0.input_layernorm", "model.layers.1.input_layernorm", "model.norm"]

    static func tuned(_ ending: String = "ln_tuning_layers.weight") -> TinyAdapter {
        var adapter = TinyAdapter(targets: [])
        adapter.configuration = ["peft_type": "LN_TUNING", "task_type": "CAUSAL_LM", "target_modules": ["input_layernorm", "norm"]]
        var random = SeededRandom(seed: 8)
        for path in norms { adapter.setRandom("base_model.model.\(path).\(ending)", [48], &random) }
        return adapter
    }

    @Test func theFactorsAreTheFilesAndBytesAreAsPlanned() throws {
        let (weights, folder) = (try TinyWeights(), try TemporaryFolder())
        let adapter = Self.tuned()
        let loaded = try Self.store(adapter, weights, in: folder).acquire("a")
        let own = loaded.delta.ownNorms
        #expect(own.count == 3 && loaded.delta.byteCount == 3 * 4 * 48 && !loaded.delta.isLowRank)
        for (place, factors) in own {
            let path = place.path(in: weights.files.configuration)
            #expect((0..<48).map { factors.pointer[$0] } == adapter.values("base_model.model.\(path).ln_tuning_layers.weight"))
        }
        #expect(loaded.summary.targets == ["input_layernorm", "norm"] && loaded.summary.patchCount == 3 && loaded.summary.parameters == 144)
        let inspection = AdapterInspection.inspect(folder: "\(folder.path)/a", base: weights.files.configuration, weights: weights.base)
        #expect(inspection.residentBytes == loaded.delta.byteCount && inspection.effects.count == 3)
        #expect(inspection.effects.allSatisfy { $0.norm > 0 && $0.layer == nil })
    }

    @Test func whatIsTheBasesIsNotKept() throws {
        let (weights, folder) = (try TinyWeights(), try TemporaryFolder())
        var adapter = Self.tuned()
        let places = NormPlace.all(in: weights.files.configuration)
        for path in Self.norms.dropLast() {
            let place = try #require(places.first { $0.path(in: weights.files.configuration) == path })
            adapter.set("base_model.model.\(path).ln_tuning_layers.weight", [48], weights.base.norm(place))
        }
        #expect(try Self.store(adapter, weights, in: folder).acquire("a").delta.ownNorms.count == 1)
        adapter.set("base_model.model.model.norm.ln_tuning_layers.weight", [48], weights.base.norm(try #require(places.last)))
        #expect(try Self.refusal(adapter, weights).code == .noEffect)
    }

    /// PEFT compares the ends of paths: "norm" means both norms of a layer as well.
    @Test func anEntryOfModulesToSaveMeansAllPathsThatEndInIt() throws {
        let (weights, folder) = (try TinyWeights(), try TemporaryFolder())
        var adapter = TinyAdapter(base: weights.files.configuration)
        adapter.configuration["modules_to_save"] = ["norm"]
        var random = SeededRandom(seed: 2)
        for path in Self.norms { adapter.setRandom("base_model.model.\(path).weight", [48], &random) }
        let missing = try Self.refusal(adapter, weights)
        #expect(missing.code == .missingTensor && missing.tensor == "base_model.model.model.layers.0.post_attention_layernorm.weight", "\(missing)")
        for layer in 0..<2 { adapter.setRandom("base_model.model.model.layers.\(layer).post_attention_layernorm.weight", [48], &random) }
        let loaded = try Self.store(adapter, weights, in: folder).acquire("a")
        #expect(loaded.delta.ownNorms.count == 5 && loaded.delta[0, .query] != nil)
        #expect(loaded.summary.targets == ["q_proj", "v_proj", "input_layernorm", "post_attention_layernorm", "norm"])
    }

    @Test func refusals() throws {
        let weights = try TinyWeights()
        let name = "base_model.model.model.norm.ln_tuning_layers.weight"
        for (change, code, words) in [
            ({ $0.set(name, [47], [Float](repeating: 1, count: 47)) }, .otherBase, name), ({ $0.tensors[name] = nil }, .missingTensor, name),
            ({ $0.fill(name, with: .nan) }, .nonFinite, name), ({ $0.configuration["target_modules"] = ["input_layernorm"] }, .unreadTensor, name),
            ({ $0.configuration["target_modules"] = ["input_layernorm", "norm", "q_proj"] }, .missingTensor, "q_proj"),
            ({ $0.configuration["bias"] = "all" }, .unsupported, "unknown key"),
        ] as [((inout TinyAdapter) -> Void, AdapterError.Code, String)] {
            var adapter = Self.tuned()
            change(&adapter)
            let error = try Self.refusal(adapter, weights)
            #expect(error.code == code && error.description.contains(words), "\(error)")
        }
        var saved = TinyAdapter(base: weights.files.configuration)
        saved.set("base_model.model.model.norm.weight", [48], [Float](repeating: 2, count: 48))
        let unread = try Self.refusal(saved, weights)
        #expect(unread.code == .unreadTensor && unread.tensor == "base_model.model.model.norm.weight", "\(unread)")
    }

    @Test func namesThatPEFTHasInMemoryAreConverted() {
        #expect(CanonicalName("model.layers.1.input_layernorm.modules_to_save.default.weight").name == "base_model.model.model.layers.1.input_layernorm.weight")
        #expect(CanonicalName("base_model.model.model.norm.ln_tuning_layers.default.weight").name == "base_model.model.model.norm.ln_tuning_layers.weight")
    }
}
