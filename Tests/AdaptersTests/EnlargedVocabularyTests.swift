import JSON
import Models
import Tensors
import TestSupport
import Testing

@testable import Adapters

/// Vocabularies that were enlarged for training. Agreement with peft's logits is the conformance suite's.
@Suite struct EnlargedVocabularyTests {
    static let (embedding, head) = ("base_model.model.model.embed_tokens.weight", "base_model.model.lm_head.weight")

    /// For the base of `TinyWeights`, which has 32 tokens of width 48.
    static func adapter(_ weights: TinyWeights, rows: Int = 34) -> TinyAdapter {
        var adapter = TinyAdapter(base: weights.files.configuration)
        var random = SeededRandom(seed: 4)
        for name in [embedding, head] { adapter.setRandom(name, [rows, 48], &random) }
        return adapter
    }

    static func store(
        _ adapter: TinyAdapter, _ weights: TinyWeights, _ folder: TemporaryFolder, files: [String: String] = [:]
    ) throws -> AdapterStore {
        try adapter.write(to: folder.place("a"))
        for (name, text) in files { try folder.write(text, to: "a/\(name)") }
        let store = AdapterStore(
            folder: folder.path, base: weights.files.configuration, weights: weights.base, budgetBytes: 1 << 20, element: .f32)
        _ = store.rescan()
        return store
    }

    static func refusal(_ adapter: TinyAdapter, _ weights: TinyWeights, files: [String: String] = [:]) throws -> AdapterError {
        let folder = try TemporaryFolder()
        let store = try store(adapter, weights, folder, files: files)
        return try #require(throws: AdapterError.self) { _ = try store.acquire("a") }
    }

    @Test func bothMatricesAreKeptWithTheirRows() throws {
        let (weights, folder) = (try TinyWeights(), try TemporaryFolder())
        let adapter = Self.adapter(weights)
        let loaded = try Self.store(adapter, weights, folder).acquire("a")
        #expect(loaded.delta.addedTokens(beside: 32) == 2 && loaded.prompting.tokens.addedCount == 2 && loaded.prompting.tokens.added.isEmpty)
        #expect(loaded.delta.embedding?.table?.rows == 34 && loaded.delta.head?.matrix?.rows == 34)
        let inspection = AdapterInspection.inspect(folder: folder.place("a"), base: weights.files.configuration, weights: weights.base)
        #expect(inspection.residentBytes == loaded.delta.byteCount && inspection.takesEffect)
    }

    @Test(arguments: [
        ("tokenizer.json", #"{"added_tokens":[{"id":3,"content":"<s>"},{"id":33,"content":"<b>","special":true},{"id":32,"content":"<a>","lstrip":true}]}"#),
        ("tokenizer_config.json", #"{"added_tokens_decoder":{"33":{"content":"<b>","special":true},"32":{"content":"<a>","lstrip":true},"3":{"content":"x"}}}"#),
        ("added_tokens.json", #"{"<b>":33,"<a>":32,"x":3}"#),
    ])
    func theirNamesLieBesideTheAdapter(file: String, text: String) throws {
        let (weights, folder, other) = (try TinyWeights(), try TemporaryFolder(), try TemporaryFolder())
        let bare = try Self.store(Self.adapter(weights), weights, other).acquire("a")
        let loaded = try Self.store(Self.adapter(weights), weights, folder, files: [file: text]).acquire("a")
        let added = loaded.prompting.tokens.added
        #expect(added.map(\.id) == [32, 33] && added.map(\.content) == ["<a>", "<b>"] && loaded.prompting.tokens.addedCount == 2)
        if file != "added_tokens.json" { #expect(added.map(\.isSpecial) == [false, true] && added.map(\.stripsLeft) == [true, false]) }
        #expect(loaded.version != bare.version, "names change what a prompt is")
    }

    @Test func refusals() throws {
        let weights = try TinyWeights()
        var alone = Self.adapter(weights)
        alone.tensors[Self.head] = nil
        let missing = try Self.refusal(alone, weights)
        #expect(missing.code == .missingTensor && missing.tensor == Self.head && missing.message.contains("save_embedding_layers"), "\(missing)")
        let many = try Self.refusal(Self.adapter(weights, rows: 32 + DecoderWeights.addedTokens + 1), weights)
        #expect(many.code == .otherBase && many.message.contains("1024"), "\(many)")
        let few = try Self.refusal(Self.adapter(weights, rows: 31), weights)
        #expect(few.code == .otherBase, "\(few)")
        var uneven = Self.adapter(weights)
        uneven.set(Self.head, [33, 48], [Float](repeating: 1, count: 33 * 48))
        #expect(try Self.refusal(uneven, weights).code == .otherBase)
        var activated = Self.adapter(weights)
        activated.configuration["alora_invocation_tokens"] = [3]
        let begun = try Self.refusal(activated, weights)
        #expect(begun.code == .unsupported && begun.key == "alora_invocation_tokens", "\(begun)")
        var trained = TinyAdapter(base: weights.files.configuration)
        trained.configuration["trainable_token_indices"] = [33]
        let beyond = try Self.refusal(trained, weights)
        #expect(beyond.code == .otherBase && beyond.message.contains("token 33"), "\(beyond)")
        for (file, text) in [
            ("tokenizer.json", #"{"added_tokens":[{"id":32}]}"#), ("added_tokens.json", #"{"<a>":32,"<b>":32}"#), ("tokenizer.json", "[1"),
        ] {
            let error = try Self.refusal(Self.adapter(weights), weights, files: [file: text])
            #expect(error.code == .malformed || error.code == .notReady, "\(error)")
            #expect(error.file == file, "\(error)")
        }
    }
}
