import ArgumentParser

/// `lmoe memory`: what a memory holds.
struct MemoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory", abstract: "List, show, explain, forget, verify and export the facts of a memory, and its settings.",
        discussion: """
            EXAMPLES
              lmoe memory list --contains "door code"
              lmoe memory explain "which code opens the annex"
              lmoe memory forget 12 13
              lmoe memory verify --rewrite
              lmoe memory settings --same "door code, keypad code"
              lmoe memory export > facts.jsonl
            """,
        subcommands: [
            MemoryList.self, MemoryShow.self, MemoryExplain.self, MemoryForget.self, MemoryVerify.self, MemoryStatistics.self,
            MemoryCalibrate.self, MemorySettingsCommand.self, MemoryExport.self,
        ])
}

/// Which memory, for all subcommands.
struct MemoryChoice: ParsableArguments {
    @OptionGroup var model: ModelOptions
    @OptionGroup var places: MemoryOptions
    @Option(name: .customLong("memory"), help: ArgumentHelp("The memory's name. (default: the only one)", valueName: "name"))
    var given: String?

    func open() throws -> OpenMemory { try OpenMemory(model, places, name: given ?? Variables.text("memory")) }
}
