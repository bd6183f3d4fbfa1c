import JSON

/// llama.cpp's `/lora-adapters`. Ids are indices in the sorted list of servable adapters, so they change when one is added.
///
/// The global scale is on or off: `[{"id": n, "scale": 1}]` makes adapter `n` the one that answers where the router would
/// decide, a list in which all scales are 0 makes it the base, and an empty list gives the decision back to the router.
extension APIService {
    func scaledAdapters(_ exchange: Exchange) throws {
        let services = try ready()
        let catalogue = services.catalogue
        let folders = Dictionary(catalogue.models().map { ($0.id, $0.root) }, uniquingKeysWith: { first, _ in first })
        let entries = names(services, exchange).adapters().enumerated().map { id, name -> JSONValue in
            [
                "id": .integer(Int64(id)), "name": .string(name), "path": .string(folders[name] ?? name),
                "scale": .number(defaultSelection == .adapter(name) ? 1 : 0), "task_name": "", "prompt_prefix": "",
            ]
        }
        exchange.respond(.array(entries))
    }

    func setScaledAdapters(_ exchange: Exchange) throws {
        let services = try accepting()
        let names = names(services, exchange)
        try read(exchange, isArray: true) { document in
            if document.value?.arrayValue?.isEmpty == true { return ModelSelection.automatic }
            // Read as the request field of the same shape is.
            return try ModelSelection.read(JSONCursor(["lora": document.value ?? .null]), names: names)
        } then: { [self] (selection: ModelSelection) in
            if case .merged = selection {
                throw APIError(
                    .invalidRequest, "the default is one adapter with scale 1; a request's own `lora` may name several", param: "scale")
            }
            defaultSelection = selection
            exchange.respond(["success": true])
        }
    }
}
