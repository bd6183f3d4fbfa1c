internal import JSON

/// What a VeRA's `adapter_config.json` says about inference.
struct VeRAConfiguration: Sendable {
    /// PEFT's.
    private static let defaultRank = 256
    private static let defaultTargets = ["q_proj", "v_proj"]

    let rank: Int
    /// The file has the shared matrices.
    let savesProjection: Bool
    let selection: ModuleSelection
    /// Which of the base's biases were trained.
    let biases: BiasRule

    /// Notes every value that cannot be served; nil when one of those that follow depend on is unreadable.
    init?(_ manifest: AdapterManifest, limits: AdapterLimits, problems: inout AdapterProblems) {
        let reader = ConfigurationReader(document: JSONCursor(.object(manifest.document)))
        _ = problems.noting { () throws(AdapterError) in try reader.checkTask() }
        biases = problems.noting { () throws(AdapterError) in try BiasRule(reader, targets: "vera_only") } ?? .none
        let rank = problems.noting { () throws(AdapterError) in try reader.integer("r", in: 1...limits.rank) ?? Self.defaultRank }
        let saves = problems.noting { () throws(AdapterError) in
            try reader.read("save_projection") { (value) throws(JSONError) in try value.optionalBool() ?? true }
        }
        let selection = problems.noting { () throws(AdapterError) in try reader.selection(defaults: Self.defaultTargets) }
        guard let rank, let saves, let selection else { return nil }
        self.rank = rank
        savesProjection = saves
        self.selection = selection
    }
}
