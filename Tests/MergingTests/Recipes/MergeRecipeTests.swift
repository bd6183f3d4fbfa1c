import MergeMethods
import Merging
import Tensors
import Testing

@Suite("Recipes of merges")
struct MergeRecipeTests {
    @Test("Models, a method and a base are read, with the values of each model")
    func models() throws {
        let recipe = try MergeRecipe(
            text: """
                models:
                  - model: instruct+sql@v2
                    parameters: {weight: 0.5, density: 0.3}
                  - model: instruct
                    parameters:
                      weight: 1e-1
                merge_method: ties
                base_model: base@main
                tokenizer_source: instruct
                chat_template: auto
                dtype: float32
                out_dtype: torch.bfloat16
                parameters: {lambda: 0.9, int8_mask: true}
                """, file: "merge.yaml")
        #expect(recipe.method == .ties)
        #expect(recipe.baseModel == ModelReference(model: .init(path: "base", revision: "main")))
        #expect((recipe.dtype, recipe.outDtype) == (.f32, .bf16))
        #expect(recipe.tokenizer?.source == .model(ModelReference(model: .init(path: "instruct"))))
        #expect(recipe.chatTemplate == "auto")
        #expect(recipe.models.map(\.description) == ["instruct+sql@v2", "instruct", "base@main"])

        let slices = try recipe.slices { _ in 4 }
        #expect(slices.count == 1)
        let slice = try #require(slices.first)
        #expect(slice.sources.map(\.model.description) == ["instruct+sql@v2", "instruct", "base@main"])
        #expect((slice.base, slice.layerCount) == (2, 4))
        #expect(slice.sources.allSatisfy { $0.layers == 0..<4 })
        let values = try recipe.values(of: "x", inputs: ["x", "x", "x"], in: slice, t: 0)
        #expect(values.shared == ["normalize": 1, "rescale": 0, "lambda": 0.9, "int8_mask": 1])
        #expect(values.sources == [["weight": 0.5, "density": 0.3], ["weight": 0.1, "density": 1], [:]])
    }

    @Test("Slices have ranges of layers, and their own bases and values")
    func slices() throws {
        let recipe = try MergeRecipe(
            text: """
                slices:
                  - sources:
                      - {model: a, layer_range: [0, 3]}
                      - {model: b, layer_range: [1, 4], parameters: {weight: 2}}
                  - sources:
                      - {model: b, layer_range: [2, 3]}
                    parameters: {weight: 3}
                parameters: {weight: [1, 4]}
                merge_method: linear
                """, file: "merge.yaml")
        let slices = try recipe.slices { $0.model.path == "a" ? 3 : 4 }
        #expect(slices.map(\.layerCount) == [3, 1])
        #expect(slices.map { $0.sources.map(\.layers) } == [[0..<3, 1..<4], [2..<3]])
        #expect((0..<3).map { slices[0].t(layer: $0) } == [0, 0.5, 1])
        #expect(slices[1].t(layer: 0) == 1)
        #expect(try recipe.values(of: "x", inputs: ["x", "x"], in: slices[0], t: 0.5).sources == [["weight": 2.5], ["weight": 2]])
        #expect(try recipe.values(of: "x", inputs: ["x"], in: slices[1], t: 1).sources == [["weight": 3]])
    }

    @Test("The values of one module are between those of slices and those of the recipe")
    func module() throws {
        let recipe = try MergeRecipe(
            text: """
                modules:
                  text_decoder:
                    models: [{model: a}, {model: b, parameters: {weight: 5}}]
                    parameters: {weight: 2}
                parameters: {weight: 1, normalize: false}
                merge_method: linear
                """, file: "merge.yaml")
        let slice = try #require(try recipe.slices { _ in 2 }.first)
        let values = try recipe.values(of: "x", inputs: ["x", "x"], in: slice, t: 0)
        #expect(values == ResolvedValues(shared: ["normalize": 0], sources: [["weight": 2], ["weight": 5]]))
    }

    @Test("A tokenizer has sources for its tokens")
    func tokenizer() throws {
        let recipe = try MergeRecipe(
            text: """
                tokenizer:
                  source: union
                  tokens:
                    <a>: {source: chat}
                    <b>: {source: {kind: model_token, model: chat, token: </s>}, force: true}
                    <c>: {source: {kind: model_token, model: {model: {path: other+plus}}, token_id: 7}}
                    <d>: {source: {kind: zero}}
                    <e>: {}
                  pad_to_multiple_of: 64
                models: [{model: chat, parameters: {weight: 1}}]
                merge_method: linear
                """, file: "merge.yaml")
        let chat = ModelReference(model: .init(path: "chat"))
        let other = ModelReference(model: .init(path: "other+plus"))
        let tokenizer = try #require(recipe.tokenizer)
        #expect((tokenizer.source, tokenizer.padToMultipleOf, tokenizer.line) == (.union, 64, 1))
        #expect(tokenizer.tokens.map(\.source) == [.model(chat), .token("</s>", of: chat), .row(7, of: other), .zero, nil])
        #expect(tokenizer.tokens.map(\.isForced) == [false, true, false, false, false])
        #expect(recipe.models == [chat, other])
    }
}
