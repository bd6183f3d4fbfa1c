import Files
import Foundation
import JSON
import MergeMethods
import Merging
import Models
import Tensors
import TestSupport
import Testing
import Weights

/// Recipes on tiny models against what mergekit 0.1.5 writes (`scripts/fixtures/merge_models.py`).
@Suite("Merged models")
struct MergedModelTests {
    /// Methods whose arithmetic has no sum over a tensor: the same bits.
    static let exact = [
        "linear", "linear-bfloat16", "linear-sum", "task", "ties", "ties-bfloat16", "breadcrumbs", "near", "layers", "slices", "tied", "half-tied", "tokens-base",
        "tokens-other", "tokens-union",
    ]
    /// With sums, whose order torch chooses: a few units in the last place.
    static let close = ["adapted", "slerp", "nuslerp", "multislerp", "karcher", "stock", "sce", "fusion"]

    @Test("Methods without sums over a tensor give mergekit's bits", arguments: exact)
    func exactly(_ name: String) throws {
        try compare(name) { own, theirs, place in #expect(own == theirs, "\(place)") }
    }

    @Test("Methods with sums over a tensor give mergekit's numbers to 1e-6", arguments: close)
    func closely(_ name: String) throws {
        try compare(name) { own, theirs, place in
            let largest = theirs.map(abs).max() ?? 0
            for (own, theirs) in zip(own, theirs) { #expect(abs(own - theirs) <= 1e-6 * largest, "\(place)") }
        }
    }

    @Test("A merged model gives the logits that transformers gives with mergekit's result", arguments: ["ties", "layers", "adapted", "tied", "tokens-base"])
    func logits(_ name: String) throws {
        let folder = try TemporaryFolder()
        let files = try ModelFiles.open(try MergeFixture.merge(name, to: folder.place("out")))
        let facts = try MergeFixture.facts(name)
        let text = facts["text"]?.arrayValue?.compactMap(\.intValue).map(Int32.init) ?? []
        let expected = facts["logits"]?.arrayValue?.compactMap(\.doubleValue).map(Float.init) ?? []
        let logits = try files.logits(text).suffix(expected.count)
        #expect(text.count == 6 && expected.count > 30)
        for (own, theirs) in zip(logits, expected) { #expect(abs(own - theirs) < 1e-4) }
    }

    private func compare(_ name: String, _ check: ([Float], [Float], String) -> Void) throws {
        let folder = try TemporaryFolder()
        let output = try MergeFixture.merge(name, to: folder.path + "/out")
        let theirs = try SafetensorsFile.open(MergeFixture.folder + "/merged/\(name).safetensors")
        let own = try SafetensorsFolder.open(output)
        let facts = try MergeFixture.facts(name)
        let rows = try MergeFixture.tokens(output, facts)
        #expect(Set(own.tensors.keys) == Set(theirs.tensors.keys))
        for (tensor, view) in theirs.tensors {
            let mine = try own.tensor(tensor)
            #expect(mine.dtype == view.dtype)
            #expect(mine.shape == view.shape, "\(tensor)")
            guard tensor.contains("embed_tokens") || tensor.contains("lm_head") else {
                check(mine.floats(), view.floats(), "\(name) \(tensor)")
                continue
            }
            // mergekit's union has its tokens in an order of chance: rows are compared by token.
            let (columns, mineRows, theirRows) = (view.columns, mine.floats(), view.floats())
            func row(_ values: [Float], _ index: Int) -> [Float] { Array(values[index * columns..<(index + 1) * columns]) }
            for (token, pair) in rows { check(row(mineRows, pair.own), row(theirRows, pair.theirs), "\(name) \(tensor) \(token)") }
            // Padding is the mean of all rows, whose sum torch orders as it likes.
            for padding in rows.count..<max(view.rows, rows.count) {
                for (own, theirs) in zip(row(mineRows, padding), row(theirRows, padding)) { #expect(abs(own - theirs) < 1e-7) }
            }
        }
        let configuration = try JSONValue.parse(Array(try Data(contentsOf: URL(fileURLWithPath: output + "/config.json"))))
        #expect(configuration["num_hidden_layers"]?.intValue == facts["layers"]?.intValue)
        #expect(configuration["vocab_size"]?.intValue == facts["vocabulary"]?.intValue)
    }
}
