import Foundation
import JSON
import Models
import Tensors
import Testing
import Weights

@testable import Adapters

@Suite("every family refuses what it would not honour, by name")
struct RefusalTests {
    /// One tensor of each kind: what differs by layer, expert or projection only is one kind. Tensors that only training reads are none.
    static func kinds(_ tensors: [String: TensorView]) -> [TensorView] {
        var kinds: [String: TensorView] = [:]
        for name in tensors.keys.sorted() where !isInert(name) {
            let kind = name.replacing(/\.\d+\./, with: ".#.").replacing(/[a-z0-9]+_proj/, with: "proj").replacing(/\.(self_attn|mlp)\./, with: ".")
            if kinds[kind] == nil { kinds[kind] = tensors[name] }
        }
        return kinds.values.sorted { $0.name < $1.name }
    }

    private static func isInert(_ name: String) -> Bool {
        [".lora_velora_embed", ".modules_to_save.weight", ".original_module.weight"].contains { name.hasSuffix($0) }
    }

    /// What may be left out: copies of what the base has anyway, and magnitudes, which then are the norms of W's rows.
    static func isOptional(_ name: String, in fixture: FixtureCase) -> Bool {
        [".base_layer.weight", ".lora_magnitude_vector", "lm_head.trainable_tokens_delta"].contains { name.hasSuffix($0) }
            || (["copies-plain-tied", "vocabulary-tied", "vocabulary-capped"].contains(fixture.name) && name.hasSuffix("embed_tokens.weight"))
            || (["vocabulary-tied", "vocabulary-capped"].contains(fixture.name) && name.hasSuffix("lm_head.weight"))
            || (fixture.name == "vocabulary-rows" && name.contains("lm_head.token_adapter"))
    }

    static func refusal(
        _ fixture: FixtureCase, _ tensors: [String: TensorView], members: JSONObject = [:]
    ) throws -> AdapterError? {
        let folder = try AdapterFolder()
        try folder.write("changed", like: fixture.folder, tensors.values, members: members)
        let store = folder.store(try TinyBase.files(fixture.base), element: .f32)
        // The first scan takes what it finds, without waiting for files to rest.
        _ = store.rescan()
        do throws(AdapterError) {
            _ = try store.acquire("changed")
            return nil
        } catch {
            return error
        }
    }

    static func tensors(_ fixture: FixtureCase) throws -> [String: TensorView] {
        try SafetensorsFile.open("\(fixture.folder)/adapter_model.safetensors").tensors
    }

    static func zeros(_ name: String, _ shape: [Int]) throws -> TensorView {
        let values = [Float](repeating: 0, count: shape.reduce(1, *))
        return try #require(values.withUnsafeBytes { TensorView(name: name, dtype: .f32, shape: shape, copying: $0) })
    }

    /// `code` is what it should be; the name has to be in the text, since that is what a person sees.
    static func expect(_ error: AdapterError?, _ codes: Set<AdapterError.Code>, _ name: String, _ what: String) {
        #expect(error != nil, "\(what) \(name): accepted")
        guard let error else { return }
        #expect(codes.contains(error.code), "\(what) \(name): \(error)")
        #expect(error.description.contains(name), "\(what) \(name): \(error)")
    }

    @Test("a tensor that nothing reads", arguments: FixtureCase.all)
    func unread(fixture: FixtureCase) throws {
        let tensors = try Self.tensors(fixture)
        let first = try #require(tensors.keys.sorted().first)
        let stem = first.split(separator: ".").dropLast().joined(separator: ".")
        for extra in ["\(stem).surprise", "something.else.weight"] {
            var changed = tensors
            changed[extra] = try Self.zeros(extra, [2, 3])
            Self.expect(try Self.refusal(fixture, changed), [.unreadTensor, .unsupported], extra, "with")
        }
    }

    /// A later version of the format may give it a meaning.
    @Test("a key that nobody knows", arguments: FixtureCase.all)
    func unknownKey(fixture: FixtureCase) throws {
        let tensors = try Self.tensors(fixture)
        #expect(try Self.refusal(fixture, tensors, members: ["use_future": false]) == nil, "unset")
        let error = try Self.refusal(fixture, tensors, members: ["use_future": true])
        #expect(error?.code == .unsupported && error?.description.contains("use_future") == true, "\(String(describing: error))")
    }

    @Test("a missing tensor", arguments: FixtureCase.all)
    func missing(fixture: FixtureCase) throws {
        let tensors = try Self.tensors(fixture)
        for view in Self.kinds(tensors) where !Self.isOptional(view.name, in: fixture) {
            var changed = tensors
            changed[view.name] = nil
            guard !changed.isEmpty else { continue }
            Self.expect(try Self.refusal(fixture, changed), [.missingTensor], view.name, "without")
        }
    }

    @Test("a wrong shape", arguments: FixtureCase.all)
    func shape(fixture: FixtureCase) throws {
        let tensors = try Self.tensors(fixture)
        for view in Self.kinds(tensors) {
            for shape in [view.shape.dropLast() + [view.columns + 1], [1] + view.shape] {
                var changed = tensors
                changed[view.name] = try Self.zeros(view.name, Array(shape))
                Self.expect(try Self.refusal(fixture, changed), [.wrongShape, .otherBase, .malformed], view.name, "\(shape) of")
            }
        }
    }

    @Test("elements that are no floating-point numbers", arguments: FixtureCase.all)
    func integers(fixture: FixtureCase) throws {
        let tensors = try Self.tensors(fixture)
        for view in Self.kinds(tensors) {
            var changed = tensors
            changed[view.name] = [Int32](repeating: 1, count: view.elementCount).withUnsafeBytes {
                TensorView(name: view.name, dtype: .i32, shape: view.shape, copying: $0)
            }
            Self.expect(try Self.refusal(fixture, changed), [.wrongShape, .unsupported], view.name, "i32 in")
        }
    }

    @Test("NaN and infinity", arguments: FixtureCase.all)
    func nonFinite(fixture: FixtureCase) throws {
        let tensors = try Self.tensors(fixture)
        for view in Self.kinds(tensors) {
            for value in [Float.nan, .infinity] {
                var values = view.floats()
                values[values.count / 2] = value
                var changed = tensors
                changed[view.name] = values.withUnsafeBytes {
                    TensorView(name: view.name, dtype: .f32, shape: view.shape, copying: $0)
                }
                Self.expect(try Self.refusal(fixture, changed), [.nonFinite], view.name, "\(value) in")
            }
        }
    }

    /// What trained parameters are before training, where then nothing changes; nil for tensors that may stay.
    static func untrained(_ view: TensorView) -> Float? {
        if view.name.hasSuffix(".ia3_l") { return 1 }
        return [
            ".lora_B.weight", ".lora_B.bias", ".lora_embedding_B", ".vera_lambda_b", ".lora_E", ".hada_w2_b", ".miss_block", ".delora_B",
        ].contains { view.name.hasSuffix($0) } ? 0 : nil
    }

    /// Adapters with other parts than low-rank ones, or whose experts' weights do not sum to one, change something all the same.
    static let untrainable = FixtureCase.all.filter { fixture in
        ![
            "saved-", "tie-saved", "tokens", "bias-", "head-bias", "copies", "dora", "fused-dora", "mixlora-dynamic", "mixlora-dora", "adalora-whole", "miss-mini",
            "delora-biases", "norms", "ln-tuning", "vocabulary",
        ].contains {
            fixture.name.hasPrefix($0)
        } && !fixture.name.hasSuffix("copies")
    }

    @Test("an adapter that was never trained", arguments: untrainable)
    func noEffect(fixture: FixtureCase) throws {
        let changed = try Self.tensors(fixture).mapValues { view in
            guard let value = Self.untrained(view) else { return view }
            let values = [Float](repeating: value, count: view.elementCount)
            return try #require(
                values.withUnsafeBytes { TensorView(name: view.name, dtype: .f32, shape: view.shape, copying: $0) })
        }
        let error = try #require(try Self.refusal(fixture, changed))
        #expect(error.code == .noEffect, "\(error)")
    }
}
