import JSON

/// Management of the adapters folder.
extension APIService {
    func listAdapters(_ exchange: Exchange) throws {
        let services = try ready()
        run(exchange) {
            let reports = await services.adapters.list().filter { exchange.isAdmin || services.catalogue.admits(exchange.caller, to: $0.name) }
            exchange.respond(["object": "list", "data": .array(reports.map(\.json))])
        }
    }

    func adapter(_ exchange: Exchange, _ name: String) throws {
        let services = try ready()
        guard exchange.isAdmin || services.catalogue.admits(exchange.caller, to: name) else {
            throw APIError(.adapterNotFound, "There is no adapter `\(name)`.")
        }
        let adapters = services.adapters
        run(exchange) { exchange.respond(try await adapters.report(name).json) }
    }

    /// `PUT /v1/adapters/{name}` with `{"source": "folder"}`: a relative path inside the import folder, which the
    /// operator chose; the server reads no other place for a client. Without an import folder it is refused.
    func addAdapter(_ exchange: Exchange, _ name: String) throws {
        let adapters = try accepting().adapters
        let document = try document(exchange)
        try fields.check(document, ["source"])
        let source = try document["source"].string()
        run(exchange) {
            let report = try await adapters.add(name, source: source)
            exchange.respond(report.json, status: 201)
        }
    }

    func removeAdapter(_ exchange: Exchange, _ name: String) throws {
        let adapters = try accepting().adapters
        run(exchange) {
            try await adapters.remove(name)
            exchange.respond(["name": .string(name), "object": "adapter", "deleted": true])
        }
    }
}
