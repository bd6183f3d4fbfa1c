import JSON

/// llama.cpp's `/lora-adapters`. Ids are places in the sorted list of servable adapters, so they move when one is added.
///
/// The global scale is on or off: `[{"id": n, "scale": 1}]` makes adapter `n` the one that answers where the router would
/// decide, and a list without any gives the decision back to the router.
extension APIService {
    func scaledAdapters(_ exchange: Exchange) throws {
        let services = try ready()
        let catalogue = services.catalogue
        let folders = Dictionary(catalogue.models().map { ($0.id, $0.root) }, uniquingKeysWith: { first, _ in first })
        let entries = names(services, exchange).adapters().enumerated().map { id, name -> JSONValue in
            [
                "id": .integer(Int64(id)), "name": .string(name), "path": .string(folders[name] ?? name),
                "scale": .number(name == defaultAdapter ? 1 : 0), "task_name": "", "prompt_prefix": "",
            ]
        }
        exchange.respond(.array(entries))
    }

    func setScaledAdapters(_ exchange: Exchange) throws {
        let services = try accepting()
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(exchange.request.body, maxDepth: limits.jsonDepth)
        } catch {
            throw APIError(error)
        }
        // Read as the request field of the same shape is.
        guard case .array = value else {
            throw APIError(.invalidRequest, "expected an array of {\"id\", \"scale\"}, found \(value.kindName)")
        }
        let selection = try ModelSelection.read(JSONCursor(["lora": value]), names: names(services, exchange))
        if case .merged = selection {
            throw APIError(.invalidRequest, "the default is one adapter with scale 1; a request's own `lora` may name several", param: "scale")
        }
        if case .adapter(let name) = selection { defaultAdapter = name } else { defaultAdapter = nil }
        exchange.respond(["success": true])
    }
}
