import MergeMethods
import Merging
import Testing

@Suite("Errors of recipes")
struct RecipeErrorTests {
    /// A recipe, the line that its error names, and a part of the message.
    static let cases: [(text: String, line: Int?, part: String)] = [
        ("", nil, "empty"),
        ("# nothing\n", nil, "empty"),
        ("- a\n", 1, "a mapping"),
        ("models: [{model: a}]\n", nil, "`merge_method` is missing"),
        ("models: [{model: a}]\nmerge_method: tie\n", 2, "the nearest is `ties`"),
        ("models: [{model: a}]\nmerge_method: ram\n", 2, "not implemented here"),
        ("merge_method: linear\nmodel: [{model: a}]\n", 2, "no key `model`; the nearest that is known is `models`"),
        ("merge_method: linear\n", 1, "exactly one of"),
        ("merge_method: linear\nmodels: [{model: a}]\nslices: [{sources: [{model: a, layer_range: [0, 1]}]}]\n", 3, "there are 2"),
        ("merge_method: linear\nmerge_method: linear\nmodels: []\n", 1, "`merge_method` is given twice"),
        ("merge_method: linear\nmodels:\n  - {model: a, model: b}\n", 3, "`model` is given twice"),
        ("merge_method: [linear\n", 2, "not YAML"),
        ("merge_method: linear\nmodels: [{model: a}]\n---\nmodels: []\n", 3, "a second recipe"),
        ("merge_method: linear\nmodels:\n  - parameters: {weight: 1}\n", 3, "has to have a `model`"),
        ("merge_method: linear\nmodels:\n  - model: a\n    weight: 1\n", 4, "write it under `parameters`"),
        ("merge_method: linear\nmodels:\n  - model: a\n    revision: v1\n", 4, "`model: path@revision`"),
        ("merge_method: linear\nmodels: [*a]\n", 2, "undefined alias"),
        ("merge_method: linear\nmodels:\n  - model: a+b+c\n", 3, "{model: {path: ...}, lora: {path: ...}}"),
        ("merge_method: linear\nmodels:\n  - model: a@b@c\n", 3, "{path: ..., revision: ...}"),
        ("merge_method: linear\nmodels:\n  - model: {model: a, override_architecture: X}\n", 3, "config.json"),
        ("merge_method: linear\nmodels: [{model: a}]\ndtype: float64\n", 3, "float32, float16 or bfloat16"),
        ("merge_method: linear\nmodels: [{model: a}]\nout_dtype: int8\n", 3, "`out_dtype: int8`"),
        ("merge_method: linear\nmodels: [{model: a}]\ntokenizer_source: base\ntokenizer: {}\n", 4, "exclude each other"),
        ("merge_method: linear\nmodels: [{model: a}]\ntokenizer:\n  tokens:\n    x: {source: {kind: one}}\n", 5, "`kind` has to be"),
        ("merge_method: linear\nmodels: [{model: a}]\ntokenizer:\n  pad_to_multiple_of: 0\n", 4, "from 1"),
        ("merge_method: linear\nmodules:\n  vision: {models: [{model: a}]}\n  text: {models: [{model: a}]}\n", 2, "only text decoders"),
        ("merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: heavy}\n", 3, "`weight` has to be a finite number, not `heavy`"),
        ("merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: .inf}\n", 3, "a finite number"),
        ("merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: [[1]]}\n", 3, "a list of {filter, value}"),
        ("merge_method: linear\nmodels: [{model: a}]\nparameters:\n  weight:\n    - {value: 1}\n    - 2\n", 6, "mixes values and filters"),
        ("merge_method: linear\nmodels: [{model: a}]\nparameters:\n  weight:\n    - {filer: mlp, value: 1}\n", 5, "`filter`"),
        ("merge_method: linear\nmodels:\n  - model: a\n  - model: b\n    parameters: {weight: 1}\n", 3, "linear needs `weight` for a"),
        ("merge_method: linear\nmodels:\n  - {model: a}\n  - {model: b}\n  - {model: a}\nparameters: {weight: 1}\n", 5, "a is listed twice"),
        ("merge_method: slerp\nmodels: [{model: a}, {model: b}]\nbase_model: a\n", 2, "slerp needs `t`"),
        ("merge_method: nearswap\nmodels: [{model: a}, {model: b}]\nbase_model: a\n", 2, "nearswap needs `t`"),
        ("merge_method: slerp\nmodels: [{model: a}, {model: b}]\nparameters: {t: 0.5}\n", 2, "needs a `base_model`"),
        ("merge_method: slerp\nmodels: [{model: a}, {model: b}, {model: c}]\nbase_model: a\nparameters: {t: 0.5}\n", 2, "exactly 2 models"),
        ("merge_method: model_stock\nmodels: [{model: a}]\nbase_model: b\n", 2, "at least 3 models"),
        ("merge_method: nuslerp\nmodels: [{model: a}, {model: b}]\nbase_model: a\nparameters: {weight: 1}\n", 2, "exactly 2 models besides the base"),
        ("merge_method: passthrough\nmodels: [{model: a}]\nbase_model: b\n", 2, "the `base_model` is one of them"),
        (
            "merge_method: ties\nbase_model: b\nslices:\n  - sources:\n      - {model: a, layer_range: [0, 2]}\nparameters: {weight: 1}\n", 4,
            "the base model b is not among the sources"
        ),
        ("merge_method: ties\nbase_model: b\nmodels: [{model: a}]\nparameters: {weight: 1, density: 1.5}\n", 4, "out of range"),
        ("merge_method: della\nbase_model: b\nmodels: [{model: a}]\nparameters: {weight: 1, density: 0.1}\n", 3, "density - epsilon"),
        ("merge_method: linear\nslices:\n  - sources: [{model: a}]\n", 3, "`layer_range`"),
        ("merge_method: linear\nslices:\n  - sources: [{model: a, layer_range: [2, 2]}]\n", 3, "has no layers"),
        ("merge_method: linear\nslices:\n  - sources: [{model: a, layer_range: [0, 1.5]}]\n", 3, "two whole numbers"),
        (
            "merge_method: linear\nparameters: {weight: 1}\nslices:\n  - sources:\n      - {model: a, layer_range: [0, 2]}\n      - {model: b, layer_range: [0, 3]}\n",
            6, "the same number"
        ),
    ]

    @Test("Each error names the line, and what was expected there", arguments: cases.indices)
    func errors(_ index: Int) {
        let item = Self.cases[index]
        let error = #expect(throws: MergeError.self) { try MergeRecipe(text: item.text, file: "merge.yaml") }
        #expect(error?.code == .invalidRecipe)
        #expect(error?.message.contains(item.part) == true, "\(String(describing: error?.message))")
        #expect(error?.file == item.line.map { "merge.yaml:\($0)" } ?? "merge.yaml")
    }

    @Test("Ranges and numbers of layers are compared with the models")
    func layers() throws {
        let text = "merge_method: linear\nparameters: {weight: 1}\nslices:\n  - sources:\n      - {model: a, layer_range: [0, 9]}\n"
        let recipe = try MergeRecipe(text: text, file: "merge.yaml")
        #expect(try recipe.slices { _ in 9 }.first?.layerCount == 9)
        let behind = #expect(throws: MergeError.self) { try recipe.slices { _ in 8 } }
        #expect(behind?.file == "merge.yaml:5")

        let models = try MergeRecipe(text: "merge_method: linear\nparameters: {weight: 1}\nmodels:\n  - model: a\n  - model: b\n", file: "merge.yaml")
        let unequal = #expect(throws: MergeError.self) { try models.slices { $0.model.path == "a" ? 2 : 3 } }
        #expect(unequal?.code == .mismatch)
        #expect(unequal?.file == "merge.yaml:5")
        let missing = #expect(throws: MergeError(.notFound, "no such model")) { try models.slices { _ throws(MergeError) in throw MergeError(.notFound, "no such model") } }
        #expect(missing != nil)
    }

    @Test("A tensor that no filter lets through is an error with the model and the tensor")
    func filters() throws {
        let text = "merge_method: linear\nmodels:\n  - model: a\n    parameters: {weight: {filter: mlp, value: 1}}\n"
        let recipe = try MergeRecipe(text: text, file: "merge.yaml")
        let slice = try #require(try recipe.slices { _ in 1 }.first)
        #expect(try recipe.values(of: "mlp.x", inputs: ["mlp.x"], in: slice, t: 1).sources == [["weight": 1]])
        let error = #expect(throws: MergeError.self) { try recipe.values(of: "norm", inputs: ["norm"], in: slice, t: 1) }
        #expect(error?.tensor == "norm")
        #expect(error?.file == "merge.yaml:3")
        #expect(error?.message.contains("`weight` for a") == true)
    }

    @Test("A file that is missing, too large or no text is told by its path")
    func files() throws {
        let error = #expect(throws: MergeError.self) { try MergeRecipe.read("/nowhere/merge.yaml") }
        #expect(error?.code == .notFound)
        #expect(error?.file == "/nowhere/merge.yaml")
        let large = #expect(throws: MergeError.self) { try MergeRecipe(text: String(repeating: "#", count: 1 << 20 + 1), file: "merge.yaml") }
        #expect(large?.code == .limitExceeded)
    }
}
