import ArgumentParser
import Gateway

/// How a command that generates runs its steps.
struct EngineOptions: ParsableArguments {
    @Option(help: Setting.speculation.help) var speculation: String?

    var flags: [Setting: String] { speculation.map { [.speculation: $0] } ?? [:] }
}
