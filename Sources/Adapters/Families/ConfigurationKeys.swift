internal import JSON

/// What a family does with each key of `adapter_config.json`. A key that is not in the table is refused unless it is unset,
/// because a newer version of the format may give it a meaning.
struct ConfigurationKeys: Sendable {
    enum Rule: Sendable {
        /// The family reads it.
        case read
        /// Origin or training of the adapter; answers do not depend on it.
        case noEffect
        /// It changes the answers in a way that is not served. Refused unless unset; the text says what to do.
        case refused(String)
    }

    private let rules: [String: Rule]

    init(_ rules: [String: Rule]) { self.rules = rules }

    /// A family of PEFT that changes linear modules, and parts that `CommonParts` reads: `own` are the keys that the others do not have.
    init(peft own: [String: Rule]) {
        let common: [String: Rule] = [
            "peft_type": .read, "task_type": .read, "target_modules": .read, "exclude_modules": .read, "layers_to_transform": .read,
            "layers_pattern": .read, "modules_to_save": .read,
            // Where it comes from.
            "base_model_name_or_path": .noEffect, "revision": .noEffect, "auto_mapping": .noEffect, "peft_version": .noEffect,
            "inference_mode": .noEffect,
        ]
        rules = common.merging(own) { $1 }
    }

    func check(_ manifest: AdapterManifest, problems: inout AdapterProblems) {
        for (key, value) in manifest.document where !Self.isUnset(value) {
            switch rules[key] {
            case .read, .noEffect: continue
            case .refused(let wayOut):
                problems.note(
                    AdapterError(
                        .unsupported, "\(Self.shown(value)) is not served: \(wayOut)", file: AdapterFile.configuration, key: key))
            case nil:
                problems.note(
                    AdapterError(
                        .unsupported,
                        "\(Self.shown(value)): an unknown key, which may change what the adapter answers; if it does not, remove it",
                        file: AdapterFile.configuration, key: quoted(key)))
            }
        }
    }

    /// PEFT writes options that are not used as null, false or empty.
    private static func isUnset(_ value: JSONValue) -> Bool {
        switch value {
        case .null, .bool(false): true
        case .string(let text): text.isEmpty
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        default: false
        }
    }

    private static func shown(_ value: JSONValue) -> String {
        let text = value.serialized()
        return text.count > 60 ? text.prefix(60) + "…" : text
    }
}
