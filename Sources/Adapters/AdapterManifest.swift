public import JSON

/// `adapter_config.json`: which family an adapter is of, and what that family reads.
public struct AdapterManifest: Sendable {
    /// In capitals, as PEFT writes it: `LORA`, `IA3`, `VERA`, …; for a mixture that has only a `routing_strategy`, the type that belongs
    /// to it.
    public let peftType: String
    /// The base model as the training tool named it. Names differ for equal models, so only shapes are checked.
    public let baseModelName: String?
    /// All keys.
    public let document: JSONObject

    /// For the end of a message: `; the adapter was trained on …`; empty when the configuration names no base.
    var trainedOn: String { baseModelName.map { "; the adapter was trained on \(quoted($0))" } ?? "" }

    /// Errors: `notReady` for a text that ends too early, `malformed`.
    public init(parsing bytes: [UInt8]) throws(AdapterError) {
        let value = try JSONText.parse(bytes, file: AdapterFile.configuration)
        guard case .object(let document) = value else {
            throw AdapterError(.malformed, "expected an object, found \(value.kindName)", file: AdapterFile.configuration)
        }
        try self.init(document)
    }

    /// Errors: `malformed`.
    init(_ document: JSONObject) throws(AdapterError) {
        self.document = document
        let cursor = JSONCursor(.object(document))
        do throws(JSONError) {
            if let type = try Self.mixtureType(cursor) {
                peftType = type
            } else {
                peftType = try cursor["peft_type"].string().uppercased()
            }
            baseModelName = try cursor["base_model_name_or_path"].optionalString()
        } catch {
            var refusal = AdapterError(error)
            if document["lora_parameters"] != nil { refusal.message += "; this is mlx-lm's format: `lmoe adapters convert` makes a PEFT folder of it" }
            throw refusal
        }
    }

    /// Nil when the configuration has a `peft_type`, or names no known strategy.
    private static func mixtureType(_ cursor: JSONCursor) throws(JSONError) -> String? {
        guard !cursor["peft_type"].exists, let strategy = try cursor["routing_strategy"].optionalString() else { return nil }
        switch strategy {
        case "mixlora", "mixlora-dynamic", "mixlora-switch", "mixtral": return "MIXLORA"
        case "mola": return "MOLA"
        case "loramoe": return "LORAMOE"
        default: return nil
        }
    }
}

extension AdapterError {
    /// A lookup in `adapter_config.json` that failed.
    init(_ error: JSONError) {
        self.init(.malformed, error.message, file: AdapterFile.configuration, key: error.path)
    }
}
