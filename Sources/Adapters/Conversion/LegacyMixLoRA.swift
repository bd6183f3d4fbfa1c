internal import JSON

/// MixLoRA as its first release wrote it: `routing_strategy` `mixtral`, the router and the experts directly below the layer, and Mixtral's
/// names of the projections. Later releases convert such files, too.
enum LegacyMixLoRA {
    private static let projections = ["w1_proj": "gate_proj", "w2_proj": "down_proj", "w3_proj": "up_proj"]

    /// Today's name of a tensor; nil for a name of another form.
    static func name(_ name: String) -> String? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count > 4, parts[0] == "mixlora", parts[1] == "layers" else { return nil }
        if parts[3...].elementsEqual(["gate", "weight"]) { return "mixlora.layers.\(parts[2]).mlp.moe_gate.weight" }
        guard parts[3] == "experts", parts.count > 6 else { return nil }
        let rest = parts[6...].joined(separator: ".")
        return "mixlora.layers.\(parts[2]).mlp.\(projections[parts[5]] ?? parts[5]).experts.\(parts[4]).\(rest)"
    }

    /// Today's configuration of the same adapter; other configurations are returned unchanged.
    static func document(_ source: JSONObject) -> JSONObject {
        guard source["peft_type"]?.stringValue == "MIXLORA", source["routing_strategy"] == "mixtral" else { return source }
        var document = source
        document["routing_strategy"] = "mixlora"
        if case .array(let targets)? = source["target_modules"] {
            document["target_modules"] = .array(
                targets.map { target in target.stringValue.flatMap { projections[$0] }.map(JSONValue.string) ?? target })
        }
        return document
    }
}
