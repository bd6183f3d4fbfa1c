import ArgumentParser
import Gateway

/// How a command that generates runs its steps.
struct EngineOptions: SettingOptions {
    @Option(.speculation) var speculation: String?
    @Option(.specialTokens) var specialTokens: String?
}
