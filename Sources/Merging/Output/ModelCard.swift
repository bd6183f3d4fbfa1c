internal import MergeMethods

/// The README of a merged model: front matter for the hub, the method, the models and the recipe.
struct ModelCard {
    let name: String
    let recipe: MergeRecipe

    var text: String {
        let base = recipe.baseModel.map { " with \(Self.link($0)) as the base" } ?? ""
        let models = recipe.models.filter { $0 != recipe.baseModel }.map { "- \(Self.link($0))" }.joined(separator: "\n")
        let hub = recipe.models.map(\.model.path).filter(Self.isHubName)
        let front = hub.isEmpty ? "" : "base_model:\n" + hub.map { "- \($0)\n" }.joined()
        return """
            ---
            \(front)library_name: transformers
            tags:
            - merge
            - mergekit
            ---
            # \(name)

            Made by `lmoe merge`, which reads mergekit's recipes. Method: \(recipe.method.rawValue)\(base).

            ## Models

            \(models.isEmpty ? "- \(recipe.baseModel.map(Self.link) ?? "none")" : models)

            ## Recipe

            ```yaml
            \(recipe.text.hasSuffix("\n") ? String(recipe.text.dropLast()) : recipe.text)
            ```

            """
    }

    private static func link(_ model: ModelReference) -> String {
        let own = isHubName(model.model.path) ? "[\(model.model)](https://huggingface.co/\(model.model.path))" : "`\(model.model)`"
        return own + (model.adapter.map { " + `\($0)`" } ?? "")
    }

    /// `ORG/NAME`: not a path of this machine, which no one else has.
    private static func isHubName(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { part in
            part.first.map { $0.isLetter || $0.isNumber } == true && part.allSatisfy { $0.isLetter || $0.isNumber || "-_.".contains($0) }
        }
    }
}
