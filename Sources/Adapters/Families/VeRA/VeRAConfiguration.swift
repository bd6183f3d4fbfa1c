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

    /// Notes every value that cannot be served; nil when one of those that follow depend on is unreadable.
    init?(_ manifest: AdapterManifest, limits: AdapterLimits, problems: inout AdapterProblems) {
        let reader = ConfigurationReader(document: JSONCursor(.object(manifest.document)))
        _ = problems.noting { () throws(AdapterError) in try reader.checkTask() }
        _ = problems.noting { () throws(AdapterError) in try Self.checkBias(reader) }
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

    /// `all` and `vera_only` are accepted as long as the file brings no bias of the base: its tensors are refused by name.
    private static func checkBias(_ reader: ConfigurationReader) throws(AdapterError) {
        let bias = try reader.text("bias") ?? "none"
        guard ["none", "all", "vera_only"].contains(bias) else {
            throw AdapterError(
                .malformed, "\(quoted(bias)); expected none, all or vera_only", file: AdapterFile.configuration, key: "bias")
        }
    }
}
