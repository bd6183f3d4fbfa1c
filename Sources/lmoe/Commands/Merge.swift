import ArgumentParser

/// `lmoe merge`: models into one.
struct Merge: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge", abstract: "Merge models by a recipe of mergekit's.",
        discussion: """
            EXAMPLES
              lmoe merge recipe.yaml merged/
              lmoe merge recipe.yaml merged.gguf --type q8_0
              lmoe merge recipe.yaml merged/ --dry-run
              lmoe merge explain recipe.yaml model.layers.3.mlp.up_proj.weight

            A recipe is mergekit's YAML as it is. Models are Hugging Face folders, .gguf files, names of the \
            hub (ORG/NAME), and any of them with an adapter: base+adapters/sql. `lmoe merge models --help` lists the options. \
            `lmoe merge-adapters` makes one LoRA of several. docs/merging.md describes recipes, methods and what comes out.
            """,
        subcommands: [MergeModels.self, MergeExplain.self], defaultSubcommand: MergeModels.self)
}
