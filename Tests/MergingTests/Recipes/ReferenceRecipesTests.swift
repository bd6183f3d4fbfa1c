import Foundation
import MergeMethods
import Merging
import TestSupport
import Testing

@Suite("Recipes as mergekit reads them")
struct ReferenceRecipesTests {
    private struct Stored: Decodable {
        struct Values: Decodable {
            var shared: [String: Double]
            var sources: [[String: Double]]
        }
        struct Query: Decodable {
            var slice: Int
            var tensor: String
            var inputs: [String]
            var t: Double
            /// Nil where mergekit refuses.
            var values: Values?
        }
        struct Recipe: Decodable {
            var text: String
            var queries: [Query]
        }
        struct Scalar: Decodable {
            var text: String
            var number, flag, count: Double?
        }
        struct Reference: Decodable {
            var text: String
            var parts: [String?]?
        }
        var recipes: [Recipe]
        var scalars: [Scalar]
        var references: [Reference]
    }

    /// scripts/fixtures/merge_recipes.py
    private static let stored: Stored? = try? JSONDecoder().decode(
        Stored.self, from: Data(contentsOf: URL(fileURLWithPath: "\(Checkout.path)/Tests/MergingTests/Fixtures/recipes.json")))

    @Test("Each tensor of random recipes has the values that mergekit gives it, or is refused by both")
    func values() throws {
        let recipes = try #require(Self.stored?.recipes)
        #expect(recipes.count == 138)
        for item in recipes {
            let recipe: MergeRecipe
            do {
                recipe = try MergeRecipe(text: item.text, file: "merge.yaml")
            } catch {
                // Here a value that no scope gives is found before any tensor.
                #expect(error.message.contains(" needs `"), "\(error)\n\(item.text)")
                #expect(item.queries.contains { $0.values == nil }, "\(error)\n\(item.text)")
                continue
            }
            let slices = try recipe.slices { _ in 8 }
            for query in item.queries {
                let slice = slices[query.slice]
                let found: ResolvedValues?
                do throws(MergeError) {
                    found = try recipe.values(of: query.tensor, inputs: query.inputs, in: slice, t: query.t)
                } catch {
                    #expect(error.code == .invalidRecipe && error.tensor != nil)
                    found = nil
                }
                #expect(found?.shared.entries == query.values?.shared, "\(query)\n\(item.text)")
                #expect(found?.sources.map(\.entries) == query.values?.sources, "\(query)\n\(item.text)")
            }
        }
    }

    @Test("Scalars become numbers, flags and whole numbers as in mergekit, or are refused")
    func scalars() throws {
        let scalars = try #require(Self.stored?.scalars)
        #expect(scalars.count > 60)
        for scalar in scalars {
            #expect(Self.value(scalar.text, "weight", "linear") == scalar.number, "\(scalar.text) as a number")
            #expect(Self.value(scalar.text, "normalize", "linear", besides: "weight: 1") == scalar.flag, "\(scalar.text) as a flag")
            // Less than one iteration is refused here.
            #expect(Self.value(scalar.text, "max_iter", "karcher") == scalar.count.flatMap { $0 < 1 || $0 > 1e6 ? nil : $0 }, "\(scalar.text) as a whole number")
        }
    }

    private static func value(_ text: String, _ name: String, _ method: String, besides: String = "") -> Double? {
        let text = "models: [{model: a}]\nmerge_method: \(method)\nparameters:\n  \(name): \(text)\n  \(besides)"
        guard let recipe = try? MergeRecipe(text: text, file: "merge.yaml"), let slice = try? recipe.slices(layers: { _ in 1 }).first,
            let values = try? recipe.values(of: "x", inputs: ["x"], in: slice, t: 0)
        else { return nil }
        return values.shared[name] ?? values.sources.first?[name]
    }

    @Test("References to models are split as in mergekit, or refused")
    func references() throws {
        let references = try #require(Self.stored?.references)
        #expect(references.count == 13)
        for item in references {
            let text = "models: [{model: '\(item.text)', parameters: {weight: 1}}]\nmerge_method: linear"
            let found = try? MergeRecipe(text: text, file: "merge.yaml").models.first
            let parts = found.map { [$0.model.path, $0.model.revision, $0.adapter?.path, $0.adapter?.revision] }
            // mergekit takes an empty path; here it is refused.
            #expect(parts == item.parts.flatMap { $0.contains("") ? nil : $0 }, "\(item.text)")
        }
    }
}
