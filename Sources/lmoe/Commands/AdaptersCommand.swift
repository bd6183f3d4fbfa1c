import ArgumentParser

/// `lmoe adapters`: what is in the folder.
struct AdaptersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adapters", abstract: "List, check, add, remove and convert adapters.",
        discussion: """
            EXAMPLES
              lmoe adapters list
              lmoe adapters check adapters/bash
              lmoe adapters add ~/Downloads/sql-lora --name sql
              lmoe adapters remove sql
              lmoe adapters convert ~/Downloads/sql-lora.gguf adapters/sql
            """,
        subcommands: [AdaptersList.self, AdaptersCheck.self, AdaptersAdd.self, AdaptersRemove.self, AdaptersConvert.self])
}
