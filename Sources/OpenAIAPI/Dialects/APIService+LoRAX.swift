import JSON

extension APIService {
    /// - Parameter isStream: nil lets the body's `stream` decide, as LoRAX's client does with `POST /`.
    func generate(_ exchange: Exchange, isStream: Bool?) throws {
        let services = try accepting()
        let names = names(services, exchange)
        try read(exchange) { [fields = fields(exchange), limits] document in
            try LoRAXRequest(document, isStream: isStream, names: names, fields: fields, limits: limits)
        } then: { [self] request in
            generate(exchange, request.job, shape: request.shape, services)
        }
    }

    /// LoRAX's `/info`, as far as it applies.
    func info(_ exchange: Exchange) throws {
        let services = try ready()
        let length = JSONValue.integer(Int64(services.backend.contextLength))
        exchange.respond([
            "model_id": .string(services.backend.baseModelName), "model_sha": nil, "model_dtype": "quantized",
            "model_device_type": "cpu", "model_pipeline_tag": "text-generation", "max_best_of": .integer(Int64(limits.choices)),
            "max_stop_sequences": .integer(Int64(limits.stopStrings)), "max_input_length": length,
            "max_total_tokens": length, "version": .string(configuration.version), "sha": nil, "docker_label": nil,
            "request_logger_url": nil, "embedding_model": services.embeddings != nil ? true : false,
            "adapters": .array(names(services, exchange).adapters().map(JSONValue.string)),
        ])
    }
}
