import MergeMethods
import Merging
import Testing

@Suite("Damaged recipes")
struct RecipeFuzzTests {
    static let recipes = [
        """
        # Four adapters, é and 日本.
        models:
          - model: instruct@main+sql@v1
            parameters: {weight: 0.5, density: [0.3, 0.7]}
          - model: {model: {path: instruct}, lora: {path: a+b, revision: "1"}}
            parameters:
              weight:
                - filter: mlp
                  value: 1e-1
                - value: [0, 1]
        merge_method: ties
        base_model: &base org/base
        tokenizer:
          source: union
          tokens: {"<x>": {source: {kind: model_token, model: *base, token_id: 3}, force: yes}}
        chat_template: |
          {% for m in messages %}{{ m['content'] }}{% endfor %}
        parameters: {lambda: 1.0, normalize: on}
        dtype: float32
        """,
        """
        slices:
        - sources: [{model: a, layer_range: [0, 2]}, {model: b, layer_range: [2, 4]}]
          base_model: a
        - sources:
          - &s {model: a, layer_range: [2, 4]}
          - {<<: *s, model: b}
          residual_weight: 0.0
        merge_method: slerp
        base_model: a
        parameters: {t: [{filter: self_attn, value: [0, "0.5", 1]}, {value: 5e-1}]}
        out_dtype: torch.bfloat16
        """,
    ]

    /// Reads a recipe as far as it goes, as a merge would.
    private static func exercise(_ text: String) {
        guard let recipe = try? MergeRecipe(text: text, file: "merge.yaml"), let slices = try? recipe.slices(layers: { _ in 4 }) else { return }
        for slice in slices {
            let inputs = slice.sources.map { _ in "model.layers.1.mlp.up_proj.weight" }
            for layer in 0..<slice.layerCount { _ = try? recipe.values(of: inputs[0], inputs: inputs, in: slice, t: slice.t(layer: layer)) }
        }
    }

    @Test("The undamaged recipes are read", arguments: recipes)
    func undamaged(_ text: String) throws {
        #expect(try !MergeRecipe(text: text, file: "merge.yaml").slices { _ in 4 }.isEmpty)
    }

    @Test("A recipe that ends at any place is read or refused", arguments: recipes)
    func truncations(_ text: String) {
        let letters = Array(text.unicodeScalars)
        for length in letters.indices { Self.exercise(String(String.UnicodeScalarView(letters[..<length]))) }
    }

    @Test("A recipe with random changes is read or refused", arguments: recipes.indices)
    func mutations(_ index: Int) {
        var random = Xorshift(state: 0x9E37_79B9_7F4A_7C15 &+ UInt64(index))
        let letters = Array(Self.recipes[index].unicodeScalars)
        let pieces = ["-", ":", "[", "]", "{", "}", "&a ", "*a", "\n", "  ", "'", "\"", "|", ">", "?", "!", "%", "@", "+", "#", ",", "\t", "-1", "9999999999999999999", "1e999", "\u{0}", "\u{FEFF}", "null", "<<: ", "..."]
        for _ in 0..<1500 {
            var changed = letters
            for _ in 0..<(1 + random.below(4)) {
                let place = random.below(changed.count)
                switch random.below(4) {
                case 0: changed.remove(at: place)
                case 1: changed.insert(contentsOf: pieces[random.below(pieces.count)].unicodeScalars, at: place)
                case 2: changed[place] = Unicode.Scalar(UInt8(32 + random.below(95)))
                default:
                    let length = min(random.below(40), changed.count - place)
                    changed.insert(contentsOf: Array(changed[place..<place + length]), at: random.below(changed.count))
                }
            }
            Self.exercise(String(String.UnicodeScalarView(changed)))
        }
    }

    @Test("Nesting, aliases and numbers of values are bounded")
    func bounds() {
        func error(_ value: String) -> MergeError? {
            #expect(throws: MergeError.self) { try MergeRecipe(text: "merge_method: linear\nmodels: [{model: a}]\n\(value)", file: "merge.yaml") }
        }
        #expect(error("parameters: \(String(repeating: "[", count: 40))\(String(repeating: "]", count: 40))")?.code == .limitExceeded)
        #expect(error("parameters: \(String(repeating: "[", count: 200_000))") != nil)
        #expect(error("parameters: \(String(repeating: "{a: ", count: 100_000))") != nil)
        #expect(error("parameters:\n\(String(repeating: "- ", count: 200_000))") != nil)
        #expect(error(Self.aliases(levels: 6, each: 3, in: "*a6"))?.code == .limitExceeded)
        // As a key, it is hashed as often as it stands there.
        #expect(error(Self.aliases(levels: 5, each: 3, in: "{*a5}"))?.message.contains("a word") == true)
        #expect(error(Self.aliases(levels: 40, each: 3, in: "*a40"))?.message.contains("aliases") == true)
        let models = (0..<257).map { "{model: a\($0)}" }.joined(separator: ", ")
        let many = #expect(throws: MergeError.self) { try MergeRecipe(text: "merge_method: karcher\nmodels: [\(models)]", file: "merge.yaml") }
        #expect(many?.code == .limitExceeded)
        #expect(error("x: [\(String(repeating: "1,", count: 200_000))1]")?.code == .limitExceeded)
    }

    /// Lists of lists: the last one stands for `200 * each ^ levels` values.
    private static func aliases(levels: Int, each: Int, in last: String) -> String {
        var text = "x:\n  - &a0 [\(String(repeating: "1,", count: 200))]\n"
        for level in 1...levels {
            text += "  - &a\(level) [\(Array(repeating: "*a\(level - 1)", count: each).joined(separator: ", "))]\n"
        }
        return text + "  - \(last)\n"
    }

    private struct Xorshift {
        var state: UInt64

        mutating func below(_ limit: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(limit))
        }
    }
}
