import Foundation
import MergeMethods
import Merging
import Models
import Tensors
import TestSupport
import Testing

/// GGUF files as sources and as results, on the real base.
@Suite("Merges of GGUF files")
struct MergedFileTests {
    private static let base = "\(Checkout.path)/models/base.gguf"

    @Test("The base alone, written as a folder and as a file, has the base's logits")
    func alone() throws {
        let folder = try TemporaryFolder()
        let text: [Int32] = [504, 3575, 282, 4649, 314]
        let expected = try ModelFiles.open(Self.base).logits(text)
        let recipe = "merge_method: passthrough\nmodels: [{model: base}]\n"
        for (name, dtype) in [("out", "float32"), ("out.gguf", "float32")] {
            try merge(recipe + "dtype: \(dtype)\n", to: folder.place(name))
            let logits = try ModelFiles.open(folder.place(name)).logits(text)
            #expect(relativeDifference(logits, expected) < 1e-5, "\(name)")
        }
        #expect(try folder.text("out/generation_config.json").contains("eos_token_id"))
    }

    @Test("An adapter is the same in a merged file as in a request")
    func adapted() throws {
        let folder = try TemporaryFolder()
        let recipe = """
            merge_method: task_arithmetic
            base_model: base
            dtype: float32
            models: [{model: base+sql, parameters: {weight: 1}}]
            """
        try merge(recipe, to: folder.place("sql.gguf"))
        let text: [Int32] = [504, 3575, 282, 4649, 314]
        let merged = try ModelFiles.open(folder.place("sql.gguf")).logits(text)
        let served = try ModelFiles.open(Self.base).logits(text, adapter: "\(Checkout.path)/adapters/sql")
        #expect(relativeDifference(merged, served) < 1e-4)
    }

    @Test("A GGUF file gets no other tokenizer than its donor's, and says so")
    func otherTokenizer() throws {
        let folder = try TemporaryFolder()
        let error = failure {
            try merge("merge_method: passthrough\nmodels: [{model: base}]\ntokenizer: {source: base, tokens: {\"<new>\": {source: {kind: zero}}}}\n", to: folder.place("out.gguf"))
        }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("write a folder") == true)
    }

    private func merge(_ text: String, to output: String) throws {
        let opened = OpenedModels()
        let plan = try MergePlan(try MergeFixture.recipe(text)) { model throws(MergeError) in
            try MergeSource.open(model, at: Self.base, adapter: model.adapter.map { "\(Checkout.path)/adapters/\($0.path)" }, in: opened)
        }
        try MergeRun(plan, to: output, options: MergeOptions()).run(pool: WorkerPool(threads: 2), progress: { _ in }, isInterrupted: { false })
    }
}
