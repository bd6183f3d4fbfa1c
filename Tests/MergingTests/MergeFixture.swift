import Foundation
import JSON
import MergeMethods
import Merging
import Tensors
import Testing

/// The recipes and models of `scripts/fixtures/merge_models.py`.
enum MergeFixture {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures").path

    static func plan(_ name: String) throws -> MergePlan { try plan(try MergeRecipe.read("\(folder)/merged/\(name).yaml")) }

    /// - Parameter models: where the recipe's models are.
    static func plan(_ recipe: MergeRecipe, models: String = "\(folder)/models") throws -> MergePlan {
        try MergePlan(recipe) { model throws(MergeError) in
            try MergeSource.open(model, at: "\(models)/\(model.model.path)", adapter: model.adapter.map { "\(models)/\($0.path)" })
        }
    }

    /// What `NAME.json` says of the result.
    static func facts(_ name: String) throws -> JSONValue {
        try JSONValue.parse(Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/merged/\(name).json"))))
    }

    static func recipe(_ text: String) throws -> MergeRecipe { try MergeRecipe(text: text, file: "recipe.yaml") }

    /// The folder of the result.
    static func merge(_ name: String, to output: String, options: MergeOptions = MergeOptions(), threads: Int = 2) throws -> String {
        try MergeRun(plan(name), to: output, options: options).run(pool: WorkerPool(threads: threads), progress: { _ in }, isInterrupted: { false })
        return output
    }

    /// Rows of tokens here and there.
    static func tokens(_ output: String, _ facts: JSONValue) throws -> [String: (own: Int, theirs: Int)] {
        let tokenizer = try JSONValue.parse(Array(try Data(contentsOf: URL(fileURLWithPath: output + "/tokenizer.json"))))
        var own = Dictionary(uniqueKeysWithValues: (tokenizer["model"]?["vocab"]?.objectValue ?? [:]).map { ($0.key, $0.value.intValue ?? -1) })
        for token in tokenizer["added_tokens"]?.arrayValue ?? [] { own[token["content"]?.stringValue ?? ""] = token["id"]?.intValue ?? -1 }
        let theirs = Dictionary(uniqueKeysWithValues: (facts["tokens"]?.objectValue ?? [:]).map { ($0.key, $0.value.intValue ?? -1) })
        #expect(Set(own.keys) == Set(theirs.keys))
        return own.reduce(into: [:]) { pairs, entry in pairs[entry.key] = theirs[entry.key].map { (entry.value, $0) } }
    }
}
