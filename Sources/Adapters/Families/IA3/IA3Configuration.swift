internal import JSON
internal import Models

/// What an IA3's `adapter_config.json` says about inference.
struct IA3Configuration: Sendable {
    /// Modules whose input is scaled.
    private enum FeedForward {
        /// Of the whole path.
        case pattern(ModulePattern)
        /// Ends of the path, wherever they begin: PEFT asks for no dot before them.
        case endings([String])
    }

    let selection: ModuleSelection
    private let feedForward: FeedForward

    /// Notes every value that cannot be served; nil when the modules are unreadable.
    init?(_ manifest: AdapterManifest, base: BaseModules, problems: inout AdapterProblems) {
        let reader = ConfigurationReader(document: JSONCursor(.object(manifest.document)))
        _ = problems.noting { () throws(AdapterError) in try reader.checkTask() }
        let defaults = Self.defaultTargets(base.configuration.architecture)
        let selection = problems.noting { () throws(AdapterError) in try reader.selection(defaults: defaults) }
        let feedForward = problems.noting { () throws(AdapterError) in try Self.feedForward(reader) }
        guard let selection, let feedForward else { return nil }
        self.selection = selection
        self.feedForward = feedForward
        if case .list(let targets) = selection.targets, case .endings(let endings) = feedForward, reader.document["feedforward_modules"].exists,
            let other = endings.first(where: { !targets.contains($0) })
        {
            problems.note(
                AdapterError(
                    .malformed, "\(quoted(other)) is none of target_modules", file: AdapterFile.configuration, key: "feedforward_modules"))
        }
    }

    func isFeedForward(_ path: String) -> Bool {
        switch feedForward {
        case .pattern(let pattern): pattern.matches(path)
        case .endings(let endings): endings.contains { path.hasSuffix($0) }
        }
    }

    /// PEFT's, when the configuration names none.
    private static func defaultTargets(_ architecture: DecoderConfiguration.Architecture) -> [String] {
        switch architecture {
        case .llama, .mistral: ["k_proj", "v_proj", "down_proj"]
        case .qwen2, .qwen3, .gemma, .gemma2, .gemma3: ["q_proj", "v_proj", "down_proj"]
        case .smollm3, .granite, .phi3, .olmo2, .mistral3, .mixtral, .qwen3moe, .gptOSS: []
        }
    }

    private static func feedForward(_ reader: ConfigurationReader) throws(AdapterError) -> FeedForward {
        let key = "feedforward_modules"
        guard reader.document[key].exists else { return .endings(["down_proj"]) }
        if case .string(let text) = reader.document[key].value { return .pattern(try reader.pattern(text, key: key)) }
        return .endings(try reader.strings(key))
    }
}
