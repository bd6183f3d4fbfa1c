internal import MergeMethods

/// The README of a merged model: front matter for the hub, the method, the models and the recipe.
struct ModelCard {
    let name: String
    let recipe: MergeRecipe
    /// Names of models that came from the hub; all others are paths of this machine, which no one else has.
    let hubNames: Set<String>

    var text: String {
        let base = recipe.baseModel.map { " with \(link($0)) as the base" } ?? ""
        let models = recipe.models.filter { $0 != recipe.baseModel }.map { "- \(link($0))" }.joined(separator: "\n")
        let hub = hubNames.sorted()
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

            \(models.isEmpty ? "- \(recipe.baseModel.map(link) ?? "none")" : models)

            ## Recipe

            ```yaml
            \(recipe.text.hasSuffix("\n") ? String(recipe.text.dropLast()) : recipe.text)
            ```

            """
    }

    private func link(_ model: ModelReference) -> String {
        let path = model.model.path
        let own = hubNames.contains(path) ? "[\(model.model)](https://huggingface.co/\(path))" : "`\(model.model)`"
        return own + (model.adapter.map { " + `\($0)`" } ?? "")
    }
}
