internal import Yams

/// Where settings come from, the first that has one wins: flag, variable, file.
public struct SettingValues: Sendable {
    public var flags: [Setting: String]
    public var environment: [String: String]
    /// What a configuration file says.
    public var file: [Setting: String]

    public init(flags: [Setting: String] = [:], environment: [String: String] = [:], file: [Setting: String] = [:]) {
        self.flags = flags
        self.environment = environment
        self.file = file
    }

    /// The value and where it stands, for errors.
    func value(_ setting: Setting) -> (text: String, place: String)? {
        if let text = flags[setting] { return (text, setting.flag) }
        if let text = environment[setting.variable] { return (text, setting.variable) }
        if let text = file[setting] { return (text, "\(setting.rawValue) in the configuration file") }
        return nil
    }

    /// Reads `lmoe.yaml`: a flat mapping of the names in `Setting`; a hyphen may be an underscore. Unknown keys are refused.
    public static func parse(file text: String, place: String) throws(GatewayError) -> [Setting: String] {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw GatewayError(.configuration, "not YAML: \(error)", place: place)
        }
        guard let root else { return [:] }
        guard let mapping = root.mapping else {
            throw GatewayError(.configuration, "expected a mapping of settings", place: place)
        }
        var values: [Setting: String] = [:]
        for (keyNode, node) in mapping {
            let key = keyNode.string ?? "?"
            let at = "\(place):\(keyNode.mark?.line ?? 0)"
            guard let setting = Setting(rawValue: key.replacing("_", with: "-")) else {
                throw GatewayError(
                    .configuration,
                    "unknown setting `\(key)`; known are \(Setting.allCases.map(\.rawValue).joined(separator: ", "))",
                    place: at)
            }
            guard let value = node.scalar?.string else {
                throw GatewayError(.configuration, "`\(key)` must be one value", place: at)
            }
            values[setting] = value
        }
        return values
    }
}
