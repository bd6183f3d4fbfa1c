import MergeMethods
import Merging
import Testing

/// What headers alone tell of a merge.
@Suite("Plans of merges")
struct MergePlanTests {
    @Test("Vocabularies that differ are refused without a tokenizer, with both shapes and what to write")
    func vocabularies() throws {
        let error = failure { _ = try plan("merge_method: linear\nmodels:\n- {model: base, parameters: {weight: 1}}\n- {model: words, parameters: {weight: 1}}") }
        #expect(error?.code == .mismatch)
        #expect(error?.message.contains("[31, 8]") == true)
        #expect(error?.message.contains("tokenizer_source") == true)
    }

    @Test("A layer range beyond a model's layers is told with the recipe's line")
    func layers() throws {
        let error = failure {
            _ = try plan("merge_method: passthrough\nslices:\n- sources:\n  - model: base\n    layer_range: [1, 4]")
        }
        #expect(error?.code == .invalidRecipe)
        #expect(error?.file?.hasPrefix("recipe.yaml:") == true)
    }

    @Test("A model that is not there is told")
    func missing() throws {
        let error = failure { _ = try plan("merge_method: linear\nmodels:\n- {model: nowhere, parameters: {weight: 1}}") }
        #expect(error?.code == .notFound)
        #expect(error?.file?.hasSuffix("nowhere/config.json") == true || error?.file?.hasSuffix("nowhere") == true)
    }

    @Test("A gradient's value of each layer is in the plan")
    func gradients() throws {
        let plan = try plan(
            "merge_method: linear\nmodels:\n- {model: base, parameters: {weight: [0, 1, 4]}}\n- {model: one, parameters: {weight: 1}}")
        let weights = (0..<3).map { plan.tensor("model.layers.\($0).mlp.up_proj.weight")?.inputs[0].values["weight"] }
        #expect(weights == [0, 1, 4])
        #expect(plan.tensor("lm_head.weight")?.inputs[0].values["weight"] == 0)
    }

    @Test("A head that one model lacks is its embedding's, and the plan warns of it")
    func tied() throws {
        let plan = try plan("merge_method: linear\nmodels:\n- {model: base, parameters: {weight: 1}}\n- {model: tied, parameters: {weight: 1}}")
        #expect(plan.tensor("lm_head.weight")?.inputs.map(\.name) == ["lm_head.weight", "model.embed_tokens.weight"])
        #expect(plan.warnings.contains { $0.message.contains("head of its own") })
    }

    @Test("Models whose answers end with other tokens are told")
    func endTokens() throws {
        let plan = try plan(
            "merge_method: linear\ntokenizer_source: base\nbase_model: tied\nmodels:\n- {model: tied, parameters: {weight: 1}}\n- {model: words, parameters: {weight: 1}}")
        // In both, </s> is row 1.
        #expect(!plan.warnings.contains { $0.message.contains("answers end") })
    }

    @Test("What a trial says of time and memory is positive")
    func trial() throws {
        let trial = try plan("merge_method: linear\nmodels:\n- {model: base, parameters: {weight: 1}}\n- {model: one, parameters: {weight: 1}}").trial(
            pool: .init(threads: 1))
        #expect(trial.seconds > 0)
        #expect(trial.memoryBytes > 1 << 20)
    }

    private func plan(_ text: String) throws -> MergePlan { try MergeFixture.plan(try MergeFixture.recipe(text)) }
}
