internal import JSON
internal import Tensors

/// `adapter_config.json` of mlx-lm: `y = W x + scale * (x a) b`, with `lora_parameters.scale`, and ranks as the tensors have them.
struct MLXConfiguration {
    /// As PEFT would write it.
    let document: JSONObject

    /// `tensors`: in PEFT's names. Errors: `unsupported`, `malformed`.
    init(_ source: JSONObject, tensors: [TensorView]) throws(AdapterError) {
        let kind = source["fine_tune_type"]?.stringValue ?? "lora"
        guard kind == "lora" else {
            throw AdapterError(
                .unsupported, "\(quoted(kind)); only lora is converted from mlx-lm", file: AdapterFile.configuration, key: "fine_tune_type")
        }
        guard let scale = source["lora_parameters"]?["scale"]?.doubleValue, scale.isFinite else {
            throw AdapterError(
                .malformed, "expected a number, by which B A is multiplied", file: AdapterFile.configuration, key: "lora_parameters.scale")
        }
        var ranks: [(path: String, rank: Int)] = []
        for tensor in tensors where tensor.shape.count == 2 {
            for ending in [LoRAPart.a.rawValue, "lora_embedding_A"] where tensor.name.hasSuffix(".\(ending)") {
                let path = tensor.name.dropFirst(PartName<LoRAPart>.prefix.count).dropLast(ending.count + 1)
                ranks.append((String(path), tensor.shape[0]))
            }
        }
        document = LoRADocument(
            modules: ranks.map { .init(path: $0.path, rank: $0.rank, alpha: scale * Double($0.rank)) },
            baseModelName: source["model"]?.stringValue
        ).json
    }
}
