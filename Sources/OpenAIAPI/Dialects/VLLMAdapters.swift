import JSON

/// vLLM's `/v1/load_lora_adapter` and `/v1/unload_lora_adapter`: its fields, its plain-text answers, its error object.
///
/// Loading serves the adapter under `lora_name`; `lora_path` is the adapter's own folder or one inside the import folder.
/// Unloading stops serving the name and does not touch the files.
extension APIService {
    func loadLoRA(_ exchange: Exchange) throws {
        exchange.errors = .vllm
        let adapters = try accepting().adapters
        try read(exchange) { [fields = fields(exchange)] document in
            try fields.check(document, ["lora_name", "lora_path", "load_inplace", "is_3d_lora_weight", "base_model_name"])
            let name = try Self.name(document["lora_name"])
            return (name, try Self.filled(document["lora_path"]), try document["load_inplace"].optionalBool() ?? false)
        } then: { [self] (name: String, path: String, inPlace: Bool) in
            run(exchange) {
                try await adapters.load(name, path: path, inPlace: inPlace)
                exchange.respond(text: "Success: LoRA adapter '\(name)' added successfully.")
            }
        }
    }

    func unloadLoRA(_ exchange: Exchange) throws {
        exchange.errors = .vllm
        let adapters = try accepting().adapters
        try read(exchange) { [fields = fields(exchange)] document in
            try fields.check(document, ["lora_name", "lora_int_id"])
            return try Self.name(document["lora_name"])
        } then: { [self] (name: String) in
            run(exchange) {
                try await adapters.unload(name)
                exchange.respond(text: "Success: LoRA adapter '\(name)' removed successfully.")
            }
        }
    }

    private nonisolated static func name(_ cursor: JSONCursor) throws(JSONError) -> String {
        let name = try cursor.name()
        guard !name.isEmpty else { throw cursor.invalid("empty") }
        return name
    }

    private nonisolated static func filled(_ cursor: JSONCursor) throws(JSONError) -> String {
        let text = try cursor.string()
        guard !text.isEmpty else { throw cursor.invalid("empty") }
        return text
    }
}
