import Merging
import Testing

@Suite("Warnings of recipes")
struct RecipeWarningTests {
    /// A recipe, and the line and a part of each warning.
    static let cases: [(text: String, warnings: [(line: Int, part: String)])] = [
        // The seed's recipe.
        (
            """
            models:
              - model: instruct+sql
                parameters: {weight: 1, density: 1}
              - model: instruct+law
                parameters: {weight: 1, density: 1}
              - model: instruct
                parameters: {weight: 1, density: 1}
            merge_method: ties
            base_model: base
            parameters: {normalize: true, int8_mask: true}
            dtype: bfloat16
            tokenizer_source: instruct
            """, [(6, "about 1/3 of its strength"), (11, "below 2^-9 of a weight")]
        ),
        (
            """
            models:
              - model: a
                parameters: {weight: 0.3}
            merge_method: ties
            base_model: b
            """, [(3, "`weight` has no effect: `normalize` divides"), (5, "come from b")]
        ),
        (
            """
            models:
              - model: a
            merge_method: task_arithmetic
            base_model: b
            parameters: {weight: -1, normalize: true}
            tokenizer_source: a
            """, [(2, "added, not subtracted")]
        ),
        (
            """
            models:
              - model: a
                parameters: {weight: 0.5}
            merge_method: linear
            """, [(3, "the only model")]
        ),
        (
            """
            models:
              - model: a
              - model: b
                parameters:
                  density: 0.5
                  weight: 0.5
            merge_method: dare_ties
            base_model: b
            parameters: {weight: 0.5, normalize: false}
            tokenizer_source: a
            """, [(5, "`weight` and `density` of the base model b have no effect")]
        ),
        (
            """
            slices:
              - sources: [{model: a, layer_range: [0, 2]}, {model: b, layer_range: [0, 2]}]
                residual_weight: 0.5
              - sources: [{model: a, layer_range: [2, 4]}, {model: b, layer_range: [2, 4]}]
            merge_method: linear
            parameters:
              weight: [0, 1]
              int8_mask: true
              normalise: true
              dtype: bfloat16
            name: two
            """,
            [
                (3, "`residual_weight` has no effect"),
                (7, "ends at the last layer"), (7, "begins anew in each of the 2 slices"), (8, "no such parameter"),
                (9, "the nearest that it has is `normalize`"), (10, "beside `merge_method`"), (11, "merged alone"),
            ]
        ),
        (
            """
            models:
              - {model: a, parameters: {t: 0.5}}
              - {model: b}
            merge_method: slerp
            base_model: a
            tokenizer_source: base
            parameters: {t: [{filter: self_attn, value: [0, 1]}, {value: 0.5}]}
            """, [(2, "given to a alone, has no effect")]
        ),
    ]

    @Test("What has no effect, or another than was meant, is told with the line", arguments: cases.indices)
    func warnings(_ index: Int) throws {
        let item = Self.cases[index]
        let found = try MergeRecipe(text: item.text, file: "merge.yaml").warnings
        #expect(found.map(\.line) == item.warnings.map(\.line), "\(found)")
        for (warning, expected) in zip(found, item.warnings) { #expect(warning.message.contains(expected.part)) }
        #expect(found.allSatisfy { $0.message.hasSuffix(".") && !$0.message.contains("\n") })
    }

    @Test("A recipe without traps has no warnings")
    func none() throws {
        let text = """
            models:
              - {model: a+x, parameters: {weight: 0.5, density: [0.3, 0.3]}}
              - {model: a+y, parameters: {weight: 0.5}}
            merge_method: ties
            base_model: a
            dtype: float32
            out_dtype: bfloat16
            """
        #expect(try MergeRecipe(text: text, file: "merge.yaml").warnings == [])
    }
}
