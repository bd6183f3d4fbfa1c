import ArgumentParser

/// The memories that a prompt asks.
struct MemoryNames: ParsableArguments {
    @Option(name: .customLong("memory"), help: ArgumentHelp("Memories that are asked for a fact, with commas.", valueName: "names"))
    var given: String?
    var names: [String] {
        (given ?? Variables.text("memory") ?? "").split(separator: ",").map(String.init).filter { !$0.isEmpty && $0 != "none" }
    }
}
