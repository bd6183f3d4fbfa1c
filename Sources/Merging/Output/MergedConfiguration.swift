internal import JSON
internal import Tensors

/// The `config.json` of a merged model: that of the donor, with what the merge changes.
struct MergedConfiguration {
    private(set) var document: JSONValue

    /// Keys that hold one entry a layer.
    private static let layerLists = ["layer_types", "sliding_window_pattern_by_layer", "mlp_layer_types", "no_rope_layers"]

    /// - Parameters:
    ///   - layers: of each layer of the result, its number in the donor; nil where no slice takes it from there.
    ///   - rows: of the embedding.
    ///   - hasHead: whether a head lies in the result; else it is tied.
    init(_ donor: JSONValue, layers: [Int], rows: Int?, dtype: DType?, hasHead: Bool) {
        document = donor
        guard var root = donor.objectValue else { return }
        // A larger model's text part has a configuration of its own.
        if let part = root["text_config"]?.objectValue {
            root["text_config"] = .object(Self.changed(part, layers, rows, hasHead))
            if root["tie_word_embeddings"] != nil { root["tie_word_embeddings"] = .bool(!hasHead) }
        } else {
            root = Self.changed(root, layers, rows, hasHead)
        }
        if let name = dtype.flatMap(Self.name) {
            // Newer files call it `dtype`.
            let key = root["torch_dtype"] == nil && root["dtype"] != nil ? "dtype" : "torch_dtype"
            root[key] = .string(name)
        }
        // Its weights are numbers now, however the donor's were packed.
        root["quantization_config"] = nil
        document = .object(root)
    }

    private static func changed(_ part: JSONObject, _ layers: [Int], _ rows: Int?, _ hasHead: Bool) -> JSONObject {
        var part = part
        let before = part["num_hidden_layers"]?.intValue
        part[part["num_hidden_layers"] == nil && part["n_layer"] != nil ? "n_layer" : "num_hidden_layers"] = .integer(Int64(layers.count))
        for key in layerLists {
            if let list = part[key]?.arrayValue, list.count == before {
                part[key] = .array(layers.map { list.indices.contains($0) ? list[$0] : list.last ?? .null })
            }
        }
        if let rows { part["vocab_size"] = .integer(Int64(rows)) }
        // Where the key is absent the architecture's own rule holds, which the donor's files keep to.
        if part["tie_word_embeddings"] != nil || hasHead { part["tie_word_embeddings"] = .bool(!hasHead) }
        return part
    }

    private static func name(_ dtype: DType) -> String? {
        switch dtype {
        case .f32: "float32"
        case .f16: "float16"
        case .bf16: "bfloat16"
        default: nil
        }
    }
}
