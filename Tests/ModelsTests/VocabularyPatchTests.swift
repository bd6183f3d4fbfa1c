import Foundation
import JSON
import Tensors
import Testing

@testable import Models

/// Adapters that change the embedding and the vocabulary projection.
@Suite("patches of embedding and head")
struct VocabularyPatchTests {
    static let tokens: [Int32] = (0..<40).map { $0 * 29 % 96 }

    /// A model, and one whose files hold other embeddings and heads.
    struct Pair {
        let base: TinyModel
        let other: TinyModel
        let configuration: DecoderConfiguration

        init(_ type: String, _ changes: JSONObject, edit: (inout [String: TensorView], DecoderConfiguration) throws -> Void) throws {
            let config = TinyModel.config(type, changes)
            let read = try DecoderConfiguration(huggingFace: .object(config), name: "tiny", file: "config.json")
            base = try TinyModel(config)
            other = try TinyModel(config) { try edit(&$0, read) }
            configuration = read
        }

        func logits(_ model: TinyModel, _ precision: ModelPrecision, _ delta: AdapterDelta? = nil) throws -> [[Float]] {
            let decoder = try StepWorkspace(ModelFiles.open(model.path), precision: precision, pool: WorkerPool(threads: 2))
            return Sequence(VocabularyPatchTests.tokens, delta: delta).logits(decoder)
        }
    }

    static let embedding = "model.embed_tokens.weight"
    static let families: [(String, JSONObject)] = [
        ("llama", [:]), ("qwen3", ["tie_word_embeddings": true]),
        ("gemma3_text", ["sliding_window": 11, "sliding_window_pattern": 3, "num_hidden_layers": 3, "tie_word_embeddings": true]),
    ]

    @Test("a table and a head of its own are those of a model that has them", arguments: families)
    func ownMatrices(type: String, changes: JSONObject) throws {
        var random = TinyModel.Random(seed: 11)
        let table = try TinyModel.view(Self.embedding, [96, 48], random.floats(96 * 48))
        let pair = try Pair(type, changes) { tensors, configuration in
            tensors[Self.embedding] = table
            if !configuration.tiedHead { tensors["lm_head.weight"] = table.renamed("lm_head.weight") }
        }
        for (precision, element) in [(ModelPrecision.reference, LowRank.Element.f32), (.fast, .f32), (.fast, .int8)] {
            let own = try VocabularyMatrix(table, element: element)
            let delta = AdapterDelta(
                layers: pair.configuration.layers, patches: [], embedding: EmbeddingPatch(table: own), head: HeadPatch(matrix: own))
            #expect(delta.byteCount == own.byteCount)
            let found = try pair.logits(pair.base, precision, delta)
            let expected = try pair.logits(pair.other, precision)
            let difference = relativeDifference(found.flatMap { $0 }, expected.flatMap { $0 })
            #expect(difference < (precision == .reference ? 1e-5 : 0.03), "\(precision) \(element): \(difference)")
        }
    }

    @Test("on the fast path a packed head has the bits of a base with that head")
    func packedHead() throws {
        var random = TinyModel.Random(seed: 12)
        let head = try TinyModel.view("lm_head.weight", [96, 48], random.floats(96 * 48))
        let pair = try Pair("llama", [:]) { tensors, _ in tensors["lm_head.weight"] = head }
        let delta = AdapterDelta(layers: 2, patches: [], head: HeadPatch(matrix: try VocabularyMatrix(head, element: .int8)))
        #expect(try pair.logits(pair.base, .fast, delta) == pair.logits(pair.other, .fast))
    }

    @Test("low-rank updates and replaced rows are those of a model that holds their sum", arguments: families)
    func updates(type: String, changes: JSONObject) throws {
        var random = TinyModel.Random(seed: 13)
        let rank = 67
        let (a, b) = (random.floats(rank * 96, scale: 0.2), random.floats(48 * rank, scale: 0.2))
        let (headA, headB) = (random.floats(rank * 48, scale: 0.2), random.floats(96 * rank, scale: 0.2))
        let replaced: [Int32] = [95, 0, 29, 58]
        let rows = try TinyModel.view("rows", [4, 48], random.floats(4 * 48))
        let headRows = try TinyModel.view("rows", [4, 48], random.floats(4 * 48))
        let outputScale = random.floats(48, scale: 0.3).map { 1 + $0 }
        let isTied = changes["tie_word_embeddings"] != nil
        var config = changes
        config["tie_word_embeddings"] = false
        var weights: [String: TensorView] = [:]
        // The pair is untied, so that what the adapter makes of a tied base can be written down.
        let pair = try Pair(type, config) { tensors, _ in
            weights = tensors
            let table = try #require(tensors[Self.embedding]).floats()
            var embedding = table
            var head = isTied ? table : try #require(tensors["lm_head.weight"]).floats()
            for (place, token) in replaced.enumerated() {
                embedding.replaceSubrange(Int(token) * 48..<Int(token) * 48 + 48, with: rows.floats()[place * 48..<place * 48 + 48])
            }
            for token in 0..<96 {
                for column in 0..<48 {
                    for r in 0..<rank {
                        embedding[token * 48 + column] += 0.5 * a[r * 96 + token] * b[column * rank + r]
                        head[token * 48 + column] += 0.25 * headB[token * rank + r] * headA[r * 48 + column]
                    }
                    embedding[token * 48 + column] *= outputScale[column]
                }
            }
            for (place, token) in replaced.enumerated() {
                head.replaceSubrange(Int(token) * 48..<Int(token) * 48 + 48, with: headRows.floats()[place * 48..<place * 48 + 48])
            }
            tensors[Self.embedding] = try TinyModel.view(Self.embedding, [96, 48], embedding)
            tensors["lm_head.weight"] = try TinyModel.view("lm_head.weight", [96, 48], head)
        }
        if isTied { weights["lm_head.weight"] = nil }
        let base = try TinyModel(TinyModel.config(type, changes)) { $0 = weights }
        for (precision, element) in [(ModelPrecision.reference, LowRank.Element.f32), (.fast, .f32), (.fast, .int8)] {
            let delta = AdapterDelta(
                layers: pair.configuration.layers, patches: [],
                embedding: EmbeddingPatch(
                    rows: try TokenRows(tokens: replaced, rows: rows),
                    lowRank: try EmbeddingLowRank(
                        a: TinyModel.view("a", [rank, 96], a), b: TinyModel.view("b", [48, rank], b), scale: 0.5, element: element),
                    outputScale: FloatBuffer(outputScale)),
                head: HeadPatch(
                    rows: try TokenRows(tokens: replaced, rows: headRows),
                    linear: LinearPatch(
                        lowRank: try LowRank(
                            a: TinyModel.view("a", [rank, 48], headA), b: TinyModel.view("b", [96, rank], headB), scale: 0.25,
                            element: element))))
            let found = try pair.logits(base, precision, delta)
            let expected = try pair.logits(pair.other, precision)
            let difference = relativeDifference(found.flatMap { $0 }, expected.flatMap { $0 })
            #expect(difference < (precision == .reference ? 1e-5 : 0.03), "\(precision) \(element): \(difference)")
            let plain = try pair.logits(base, precision)
            #expect(relativeDifference(plain.flatMap { $0 }, expected.flatMap { $0 }) > 0.1)
        }
    }

    @Test("parts for another vocabulary or width are refused by name, and do not fit")
    func otherModel() throws {
        let configuration = SeamTests.configuration
        func view(_ shape: [Int]) throws -> TensorView {
            try TinyModel.view("v", shape, [Float](repeating: 1, count: shape.reduce(1, *)))
        }
        let good = try VocabularyMatrix(view([32, 8]), element: .f32)
        let wide = try VocabularyMatrix(view([32, 9]), element: .f32)
        let many = try VocabularyMatrix(view([33, 8]), element: .f32)
        let rows = try TokenRows(tokens: [2, 32], rows: view([2, 8]))
        let packed = try VocabularyMatrix(view([32, 8]), element: .int8)
        func delta(_ embedding: EmbeddingPatch? = nil, _ head: HeadPatch? = nil) -> AdapterDelta {
            AdapterDelta(layers: 2, patches: [], embedding: embedding, head: head)
        }
        for wrong in [
            delta(EmbeddingPatch(table: wide)), delta(EmbeddingPatch(table: many)), delta(EmbeddingPatch(rows: rows)),
            delta(EmbeddingPatch(outputScale: FloatBuffer(count: 9))), delta(EmbeddingPatch(table: good), HeadPatch(matrix: many)),
            delta(
                EmbeddingPatch(lowRank: try EmbeddingLowRank(a: view([2, 31]), b: view([8, 2]), scale: 1, element: .f32))),
            delta(nil, HeadPatch(matrix: wide)), delta(nil, HeadPatch(rows: rows)),
            delta(nil, HeadPatch(linear: LinearPatch(bias: FloatBuffer(count: 31)))),
            delta(nil, HeadPatch(linear: LinearPatch(lowRank: try LowRank(a: view([2, 8]), b: view([31, 2]), scale: 1, element: .f32)))),
        ] {
            #expect(!wrong.fits(configuration, .reference) && !wrong.fits(configuration, .fast))
            let error = #expect(throws: ModelError.self) { try wrong.validate(for: configuration) }
            #expect(error?.code == .wrongShape)
            #expect(error?.tensor == (wrong.head == nil ? "embed_tokens" : "lm_head"))
        }
        let sound = delta(EmbeddingPatch(table: good, rows: try TokenRows(tokens: [31], rows: view([1, 8]))), HeadPatch(matrix: good))
        try sound.validate(for: configuration)
        #expect(sound.fits(configuration, .reference) && sound.fits(configuration, .fast))
        #expect(!delta(nil, HeadPatch(matrix: packed)).fits(configuration, .reference))
        #expect(delta(EmbeddingPatch(), HeadPatch()).embedding == nil)
        #expect(throws: ModelError.self) { try TokenRows(tokens: [1], rows: view([2, 8])) }
        #expect(throws: ModelError.self) { try EmbeddingLowRank(a: view([2, 32]), b: view([8, 3]), scale: 1, element: .f32) }
        #expect(throws: ModelError.self) { try VocabularyMatrix(view([8]), element: .f32) }
    }

    @Test("a token's row is found, and only its own")
    func rows() throws {
        let rows = try TokenRows(tokens: [9, 2, 5], rows: TinyModel.view("r", [3, 2], [90, 91, 20, 21, 50, 51]))
        #expect(rows.tokens == [2, 5, 9] && rows.byteCount == 4 * 3 * 3)
        for token in 0..<12 {
            let row = rows.view.row(of: token).map { [$0[0], $0[1]] }
            #expect(row == ([2, 5, 9].contains(token) ? [Float(token) * 10, Float(token) * 10 + 1] : nil))
        }
    }
}
